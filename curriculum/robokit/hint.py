"""Every sentence a learner reads from robokit, in Japanese and English; the hint that takes a traceback's place."""

from functools import lru_cache
from pathlib import Path

import yaml

MESSAGES = Path(__file__).parent / "messages"


@lru_cache(maxsize=1)
def messages() -> dict[str, dict[str, str]]:
    """Every message by its id, from all files in `messages/`; an id may be there only once."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(MESSAGES.glob("*.yml")):
        for name, texts in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if name in found:
                raise ValueError(f"messages: expected {name} once, got it again in {file.name}. Do: rename one")
            found[name] = texts
    return found


def words(name: str, /, **values: object) -> tuple[str, str]:
    """The message in Japanese and in English with `values` filled in."""
    texts = messages()[name]
    return texts["ja"].format(**values), texts["en"].format(**values)


class Hint(AssertionError):
    """A kind sentence for the learner: what was seen and where to look. `name` is its id in the message files.

    In a notebook it takes the place of the traceback; for a grader it is a failed assertion.
    """

    def __init__(self, name: str, /, **values: object) -> None:
        self.name = name
        self.ja, self.en = words(name, **values)
        super().__init__(f"{self.ja} / {self.en}")

    def __repr__(self) -> str:
        return f"ヒント: {self.ja}\nHint: {self.en}"

    def _render_traceback_(self) -> list[str]:
        return repr(self).split("\n")
