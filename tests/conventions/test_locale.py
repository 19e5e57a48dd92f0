"""Every word on a screen is there in Japanese and English."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from robolev.domain.run import TRANSITIONS
from robolev.rulesets import loader


def flat(table, before=""):
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            assert value.strip(), name
            yield before + name


def words(language):
    text = resources.files("robolev").joinpath("locale", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


ROOT = Path(__file__).parents[2]
FILES = sorted(file for file in ROOT.glob("*/locale/*ja.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_both_languages_have_the_same_words(file):
    english = file.with_name(file.name.replace("ja.toml", "en.toml"))
    ours, theirs = (tomllib.loads(path.read_text(encoding="utf-8")) for path in (file, english))
    assert sorted(flat(ours)) == sorted(flat(theirs))
    assert not [text for text in values(theirs) if any("\u3040" <= letter <= "\u30ff" for letter in text)]


def test_the_words_of_every_part_were_found():
    assert {file.parts[-3] for file in FILES} == {"hub", "robolev"} and len(FILES) >= 4


def values(table):
    for value in table.values():
        yield from values(value) if isinstance(value, dict) else [value]


def test_every_item_and_state_has_a_name():
    ladders = loader.load("line_following").ladders.values()
    items = {step.item for ladder in ladders for step in ladder}
    assert items <= set(words("ja")["items"])
    assert set(TRANSITIONS) - {"new"} == set(words("ja")["states"])
    assert {name for row in TRANSITIONS.values() for name in row} == set(words("ja")["happened"])
