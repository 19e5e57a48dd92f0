"""Words of the pages by language, from ``hub/locale/classroom.<language>.toml``; Japanese comes first."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "locale"
LANGUAGES = ("ja", "en")


@lru_cache
def catalogue(language: str) -> dict[str, str]:
    """All words of one language."""
    return tomllib.loads((FOLDER / f"classroom.{language}.toml").read_text("utf-8"))


class Words:
    """Looks words up: ``words("hello", name="あおぞら")``."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._words = catalogue(self.language)

    def __call__(self, key: str, **values: object) -> str:
        return self._words[key].format(**values)
