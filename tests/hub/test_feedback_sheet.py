"""A child's Markdown on nbgrader's own sheets: what can be pictures, links and text stays, what could act goes."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config, PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[2]


def sheet(tmp_path: Path, text: str, **attachments: dict[str, str]) -> str:
    """The child's part of the form grader's page, made as a teacher's server makes it."""
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT / "hub" / "jupyter")).load_config()
    own = str(ROOT / "hub" / "jupyter" / "nbconvert")
    config.merge(Config({"HTMLExporter": {
        "template_name": "formgrade", "extra_template_basedirs": [own, handlers.template_path],
    }}))  # fmt: skip
    answer = {"nbgrader": {"grade_id": "why", "grade": True, "solution": True, "locked": False, "task": False,
                           "points": 1, "schema_version": 3}}  # fmt: skip
    cells = [new_markdown_cell(text, metadata=answer), new_markdown_cell(text)]
    for cell in cells:
        cell["attachments"] = attachments
    nbformat.write(new_notebook(cells=cells), tmp_path / "n.ipynb")
    resources = {"base_url": "", "index": 0, "total": 1, "submission_id": "1", "notebook_id": "n", "assignment_id": "a"}
    page, _ = HTMLExporter(config=config).from_filename(str(tmp_path / "n.ipynb"), resources=resources)
    return str(page.partition("<body>")[2])


@pytest.mark.parametrize(
    "text",
    [
        "[b](javascript:PWN)", "[b](java&#10;script:PWN)", "[b](JaVaScript&colon;PWN)", "[b](vbscript:PWN)",
        "[b](data:text/html;base64,PWN)", "![b](data:text/html,PWN)", "<javascript:PWN>",
        "[b]: javascript:PWN\n\n[b]", "<a href=' javascript:PWN'>b</a>", "<img src=x onerror=PWN>",
        '<div class="PWN" style="PWN" id="PWN">b</div>',
        "<svg><a xlink:href='javascript:PWN'>b</a></svg><math><mtext><table><mglyph><style><img src=x onerror=PWN>",
    ],
)  # fmt: skip
def test_nothing_a_child_writes_acts_in_the_teachers_page(tmp_path: Path, text: str) -> None:
    made = sheet(tmp_path, text)
    tags = "".join(part.partition(">")[0] + "\n" for part in made.split("<"))
    assert "PWN" not in tags, tags


def test_honest_text_stays_as_it_was_meant(tmp_path: Path) -> None:
    text = "# 考え\n\n**太字** <ruby>漢<rt>かん</rt></ruby> $a<b$ `c<d`\n"
    text += "[h](https://a.jp/x?y=1:2) [m](mailto:a@b.jp) [r](b/c.html)\n"
    text += "\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n\n"
    text += "![p](data:image/png;base64,QUJD) ![q](attachment:絵.png)"
    made = sheet(tmp_path, text, **{"絵.png": {"image/png": "REVG"}})
    for part in (
        "考え</h1>", "<strong>太字</strong>", "<ruby>漢<rt>かん</rt></ruby>", "$a&lt;b$", "<code>c&lt;d</code>",
        'href="https://a.jp/x?y=1:2"',
        'href="mailto:a@b.jp"', 'href="b/c.html"', "<td>1</td>", '<span class="nb">print</span>',
        'src="data:image/png;base64,QUJD"', 'src="data:image/png;base64,REVG"',
    ):  # fmt: skip
        assert made.count(part) == 2, part


def test_a_picture_that_did_not_come_along_is_its_description(tmp_path: Path) -> None:
    for text in ("x ![図<b>](attachment:nofile.svg) y", "x ![図<b>](attachment:empty.svg) y"):
        made = sheet(tmp_path, text, **{"empty.svg": {}})
        assert made.count("x 図") == 2 and "attachment:" not in made
