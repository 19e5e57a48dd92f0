"""The kanji of primary school by the grade in which they are taught (MEXT, in force since 2020), grades 1 to 4."""

import csv
from functools import cache

from curriculum.lessons import HOME


@cache
def taught() -> dict[int, str]:
    """Grade to its kanji."""
    with (HOME / "kanji.tsv").open(encoding="utf-8", newline="") as file:
        return {int(row["grade"]): row["kanji"] for row in csv.DictReader(file, delimiter="\t")}


def unknown(text: str) -> str:
    """The kanji in `text` that a child in the fifth grade has not been taught, each once, in their order."""
    known = set("".join(taught().values()))
    found = (letter for letter in text if "\u4e00" <= letter <= "\u9fff" and letter not in known)
    return "".join(dict.fromkeys(found))
