"""JupyterLab as a person works in it: cells are run one by one with Shift+Enter, answers typed where they belong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import Locator, Page, expect


class Notebook:
    """One notebook open in JupyterLab; the first cell is the active one."""

    def __init__(self, page: Page, address: str, path: str) -> None:
        self.page = page
        page.goto(f"{address}/lab/tree/{path}?reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=60_000)
        self.active = page.locator(".jp-Notebook .jp-Cell.jp-mod-active")

    def work_through(self, answers: Sequence[tuple[str, str]], last: str) -> list[str]:
        """Run every cell up to the one that contains `last`.

        `answers`: (a text that a cell contains, what is typed into it instead), in the order of the cells.
        Returns what the run cells showed, errors included.
        """
        waiting, shown = list(answers), []
        self.page.locator(".jp-Notebook .jp-Cell").first.click(position={"x": 120, "y": 8})
        self.page.keyboard.press("Escape")
        for _ in range(200):
            text = self.active.inner_text()
            if waiting and waiting[0][0] in text:
                self._type(waiting.pop(0)[1])
            shown.append(self._run())
            if last in text:
                assert not waiting, f"no cell for {waiting}"
                return shown
        raise AssertionError(f"no cell contains {last!r}")

    def to_the_end(self) -> None:
        """Make the last cell the active one."""
        self.page.locator(".jp-Notebook .jp-Cell").last.click()
        self.page.keyboard.press("Escape")

    def add(self, code: str) -> str:
        """Run code in a new cell below the active one; what it showed."""
        self.page.keyboard.press("b")
        self._type(code)
        return self._run()

    def save(self) -> None:
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)

    def _type(self, text: str) -> None:
        self.page.keyboard.press("Enter")
        self.active.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def _run(self) -> str:
        """Run the active cell and go on to the next; what it showed."""
        is_code = "jp-CodeCell" in (self.active.get_attribute("class") or "")
        prompt = self.active.locator(".jp-InputArea .jp-InputPrompt")
        before = prompt.inner_text() if is_code else ""
        # While the page is still settling, a key may go nowhere: a person presses once more.
        for _ in range(5):
            self.page.keyboard.press("Control+Enter")
            if not is_code or self._changes(prompt, before):
                break
            self.active.focus()
        if is_code:
            expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)
        shown = self.active.locator(".jp-Cell-outputWrapper")
        text = shown.inner_text() if shown.count() else ""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("ArrowDown")
        return text

    @staticmethod
    def _changes(prompt: Locator, before: str) -> bool:
        try:
            expect(prompt).not_to_have_text(before, timeout=5_000)
        except AssertionError:
            return False
        return True
