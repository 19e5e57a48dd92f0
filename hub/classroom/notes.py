"""What a teacher reads about a submission: stable codes, each with a plain Japanese and English sentence."""

from __future__ import annotations

from dataclasses import dataclass

TEXTS: dict[str, tuple[str, str]] = {
    "timeout": (
        "時間切れです（無限ループの可能性があります）。{detail}",
        "It ran out of time (perhaps an endless loop). {detail}",
    ),
    "memory": (
        "メモリを使いすぎたため止めました。{detail}",
        "It was stopped for using too much memory. {detail}",
    ),
    "crashed": (
        "Python が途中で終了しました。以降のセルは 0 点です。{detail}",
        "Python ended part-way; the cells after that score 0. {detail}",
    ),
    "syntax_error": (
        "文法エラーのあるセルがあります。{detail}",
        "A cell has a syntax error. {detail}",
    ),
    "missing_notebook": (
        "ノートブックが提出されていません。",
        "No notebook was handed in.",
    ),
    "tampered": (
        "課題のテストや固定セルが変更・削除・複製されています。配布元の内容で採点しました。{detail}",
        "Tests or locked cells were changed, removed or copied; graded with the original ones. {detail}",
    ),
    "not_a_notebook": (
        "ノートブック（.ipynb）として読めないファイルです。採点していません。{detail}",
        "The file cannot be read as a notebook (.ipynb); it was not run. {detail}",
    ),
    "oversized": (
        "ファイルが大きすぎます。出力を消してから出し直してください。{detail}",
        "The file is too large; clear the outputs and hand it in again. {detail}",
    ),
    "full_width": (
        "全角文字が混ざっています。半角に直すと動く可能性があります。{detail}",
        "Full-width characters are in the code; typing them half-width may fix it. {detail}",
    ),
    "bad_score": (
        "テストの返した点が配点を超えるなど不正です。先生が確認してください。{detail}",
        "A test returned an impossible score; please check it by hand. {detail}",
    ),
}


@dataclass(frozen=True)
class Note:
    """One remark; `code` never changes between releases, the sentences may."""

    code: str
    ja: str
    en: str


def note(code: str, ja: str = "", en: str = "") -> Note:
    """The remark for `code` with an optional detail; `en` stands for both languages if `ja` is empty."""
    japanese, english = TEXTS[code]
    return Note(code, japanese.format(detail=ja or en).strip(), english.format(detail=en).strip())
