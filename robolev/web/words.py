"""The words of the screens, by language, from `robolev/locale`."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("ja", "en")


@cache
def words(language: str) -> dict[str, Any]:
    """All words of a language; Japanese when the language is not ours."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    text = resources.files("robolev").joinpath("locale", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def error_text(language: str, code: str) -> str:
    """A refusal's kind sentence for people; the code itself stays in the answer for programs."""
    errors = words(language)["errors"]
    return str(errors.get(code, errors["other"]))
