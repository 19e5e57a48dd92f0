"""Why the classroom refuses a request: stable codes, an HTTP status, and a sentence in Japanese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[int, str, str]] = {
    "no_token": (401, "ログインが必要です。", "You need to sign in first."),
    "bad_token": (403, "トークンが正しくないか、期限が切れています。サーバーを再起動してください。",
                  "The token is wrong or has expired; restart your server."),
    "no_access": (403, "このトークンでは教室を使えません（access:services が必要です）。",
                  "This token may not use the classroom (it needs access:services)."),
    "no_scope": (403, "このトークンではできません（{detail} が必要です）。",
                 "This token may not do that (it needs {detail})."),
    "no_program": (404, "チーム「{detail}」はまだプログラムを提出していません。",
                   "Team {detail!r} has handed in no program yet."),
    "hub_down": (503, "ログイン係（JupyterHub）から返事がありません。少し待って、もう一度ためしてください。",
                 "The hub does not answer; wait a little and try again."),
    "unknown_course": (404, "科目「{detail}」はありません。名前をたしかめてください。",
                       "There is no course {detail!r} for you; check its name."),
    "teachers_only": (403, "先生だけができる操作です。", "Only teachers of the course may do this."),
    "students_only": (403, "この科目の生徒だけが提出できます。", "Only students of the course may submit."),
    "unknown_assignment": (404, "課題「{detail}」は配布されていません。", "The assignment {detail!r} is not released."),
    "unknown_source": (404, "課題「{detail}」の原本がありません。", "There is no source for assignment {detail!r}."),
    "unknown_submission": (404, "その提出物はありません。", "There is no such submission."),
    "already_released": (409, "課題「{detail}」はもう配布されています。配り直すときは force を指定してください。",
                         "Assignment {detail!r} is already released; use force to replace it."),
    "not_here": (404, "そのページはありません。", "There is nothing at this address."),
    "bad_name": (422, "使えない名前です：{detail}", "This name cannot be used: {detail}"),
    "bad_request": (422, "リクエストの形が正しくありません：{detail}", "The request is not well formed: {detail}"),
    "bad_package": (422, "送られたファイルを読めません：{detail}", "The files sent cannot be read: {detail}"),
    "too_large": (413, "ファイルが大きすぎます（上限 {detail}）。出力や大きなデータを消してください。",
                  "The files are too large (limit {detail}); clear outputs or large data."),
    "too_much_kept": (413, "この課題に提出したものが、合わせて {detail} をこえました。先生に言ってください。",
                      "What you handed in for this assignment is over {detail} together; tell your teacher."),
    "busy": (429, "前に送ったものを まだ受け取っています。少し待って、もう一度ためしてください。",
             "What you sent before is still being taken; wait a little and try again."),
    "too_many_files": (413, "ファイルが多すぎます（上限 {detail} 個）。", "There are too many files (limit {detail})."),
    "no_notebook": (422, "ノートブック（.ipynb）が入っていません。", "There is no notebook (.ipynb) in it."),
    "not_a_notebook": (422, "「{detail}」はノートブックとして読めません。開いて保存し直してから提出してください。",
                       "{detail!r} cannot be read as a notebook; open it, save it and hand it in again."),
    "nothing_collected": (409, "課題「{detail}」の提出物がまだ回収されていません。",
                          "Nothing has been collected for assignment {detail!r} yet."),
    "no_gradebook": (409, "課題「{detail}」が成績簿にありません。先に配布版を生成してください。",
                     "Assignment {detail!r} is not in the gradebook; generate the assignment first."),
    "generate_failed": (422, "配布版を作れませんでした：{detail}", "The student version could not be made: {detail}"),
    "feedback_failed": (422, "フィードバックを作れませんでした：{detail}", "Feedback could not be made: {detail}"),
    "outside_course": (403, "科目のフォルダの外を指すリンクは使えません：{detail}",
                       "Links that lead out of the course folder are not followed: {detail}"),
    "bad_csrf": (403, "画面が古くなっています。ページを開き直してください。",
                 "The page is stale; reload it and try again."),
    "bad_state": (400, "ログインのやり取りが途切れました。もう一度開いてください。",
                  "The sign-in was interrupted; open the page again."),
}  # fmt: skip


class Refusal(Exception):
    """A refused request. `code` never changes between releases, the sentences may."""

    def __init__(self, code: str, detail: object = "") -> None:
        self.code, self.detail = code, str(detail)[:300]
        self.status, ja, en = TEXTS[code]
        self.ja, self.en = ja.format(detail=self.detail), en.format(detail=self.detail)
        super().__init__(f"{self.code}: {self.en}")

    def as_json(self) -> dict[str, str]:
        """What an API client reads."""
        return {"code": self.code, "ja": self.ja, "en": self.en}
