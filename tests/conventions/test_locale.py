"""Every word on a screen is there in Japanese and English."""

import tomllib
from importlib import resources

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


def test_both_languages_have_the_same_words():
    assert sorted(flat(words("ja"))) == sorted(flat(words("en")))


def test_every_item_and_state_has_a_name():
    ladders = loader.load("line_following").ladders.values()
    items = {step.item for ladder in ladders for step in ladder}
    assert items <= set(words("ja")["items"])
    assert set(TRANSITIONS) - {"new"} == set(words("ja")["states"])
    assert {name for row in TRANSITIONS.values() for name in row} == set(words("ja")["happened"])
