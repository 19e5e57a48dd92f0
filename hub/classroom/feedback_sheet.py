"""What the sheets for pupils (feedback) and teachers (form grader) show of a notebook.

Hidden tests stay hidden in feedback: pupils may hand in again, so the sheet must not give the answers away.
nbgrader's own feedback shows them, in the test's source and in tracebacks. A pupil's Markdown is text with pictures
and links, never a program in the reader's page, and never a reason for a sheet to fail.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

from bleach import clean
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor

# For nbconvert's configuration: instead of its own filter of that name.
FILTERS = {"markdown2html": "hub.classroom.feedback_sheet.safe_html"}
TAGS = frozenset({
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "rp", "rt", "ruby", "s", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
})  # fmt: skip
PLAIN = frozenset({"alt", "title", "width", "height", "colspan", "rowspan", "start"})
SCHEMES = frozenset({"http", "https", "mailto"})
COLOURED = re.compile(r"highlight|hl-\w{1,20}|[a-z]{1,2}\d?")  # names of nbconvert's own colouring of code
SCHEME = re.compile(r"([^/?#]*):")


class HideTests(NbGraderPreprocessor):
    """Takes hidden tests out of test cells, and the traceback that would quote them."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook a pupil may see."""
        clear = ClearHiddenTests(parent=self)
        for cell in nb.cells:
            if clear._remove_hidden_test_region(cell):
                cell.outputs = [_without_traceback(output) for output in cell.get("outputs", [])]
        return nb, resources


def _without_traceback(output: NotebookNode) -> NotebookNode:
    if output.output_type != "error":
        return output
    line = f"{output.ename}: {output.evalue}" if output.evalue else output.ename
    return new_output("error", ename=output.ename, evalue=output.evalue, traceback=[line])


class CleanOutputs(SanitizeHTML):
    """nbconvert's cleaning of outputs and raw cells; Markdown is cleaned after rendering, else ``a<b`` is spoilt."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, cell_index: int) -> tuple[NotebookNode, Any]:
        """All but Markdown."""
        if cell.cell_type == "markdown":
            return cell, resources
        cleaned: tuple[NotebookNode, Any] = super().preprocess_cell(cell, resources, cell_index)
        return cleaned


class _Renderer(IPythonRenderer):
    def image(self, text: str, url: str, title: str | None = None) -> str:
        """As nbconvert's, but a picture that did not come along (copied from elsewhere) is its description."""
        if url.startswith("attachment:"):
            kinds = self.attachments.get(unquote(url.removeprefix("attachment:")))
            data = [pair for pair in kinds.items() if isinstance(pair[1], str)] if isinstance(kinds, dict) else []
            if not data:
                return html.escape(text)
            url = f"data:{data[0][0]};base64,{data[0][1]}"
        return str(super().image(text, url, title))


@pass_context
def safe_html(context: Context, source: str) -> str:
    """nbconvert's filter ``markdown2html``, cleaned after rendering; links lead to http(s), mailto or relative."""
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = _Renderer(
        escape=False, attachments=attachments if isinstance(attachments, dict) else {}, exclude_anchor_links=True
    )
    made = MarkdownWithMath(renderer=renderer).render(source)
    return clean(made, tags=TAGS, attributes=_allowed, protocols=SCHEMES | {"data"})


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "class":
        return tag in ("div", "pre", "span") and all(COLOURED.fullmatch(one) for one in value.split())
    if (tag, name) in (("a", "href"), ("img", "src")):
        # As a browser reads it: entities resolved, control characters and spaces left out.
        address = re.sub(r"[\x00-\x20\x7f-\xa0]", "", html.unescape(value)).lower()
        found = SCHEME.match(address)
        picture = tag == "img" and address.startswith("data:image/")
        return found is None or found[1] in SCHEMES or picture
    return name in PLAIN
