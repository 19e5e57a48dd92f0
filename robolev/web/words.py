"""The words of the screens, by language, from `robolev/locale`."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("ja", "en")
# By this file's place and not by the package's name: a data folder may hold a folder of that name too.
LOCALE = Path(__file__).resolve().parents[1] / "locale"


@cache
def words(language: str) -> dict[str, Any]:
    """All words of a language; Japanese when the language is not ours."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    return tomllib.loads((LOCALE / f"{name}.toml").read_text(encoding="utf-8"))


def error_text(language: str, code: str) -> str:
    """A refusal's kind sentence for people; the code itself stays in the answer for programs."""
    errors = words(language)["errors"]
    return str(errors.get(code, errors["other"]))
