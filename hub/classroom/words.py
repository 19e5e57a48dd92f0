"""Words of the pages by language, from ``hub/locale/<pages>.<language>.toml``; Japanese comes first."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "locale"
LANGUAGES = ("ja", "en")


@lru_cache
def catalogue(pages: str, language: str) -> dict[str, str]:
    """All words of some pages in one language."""
    return tomllib.loads((FOLDER / f"{pages}.{language}.toml").read_text("utf-8"))


class Words:
    """Looks words up: ``words("hello", name="あおぞら")``. `pages`: ``classroom``, ``hub``, ``lessons`` or ``box``."""

    def __init__(self, language: str | None, pages: str = "classroom") -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._words = catalogue(pages, self.language)

    def __call__(self, key: str, **values: object) -> str:
        return self._words[key].format(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._words
