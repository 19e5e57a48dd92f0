"""Every setting that code reads from the environment stands in a README, and the other way round."""

import re

from test_conventions import ROOT, tracked

NAME = re.compile(r"\bKAGA_[A-Z][A-Z_]*[A-Z]\b")
# Said by one of our processes to another in a box of its own, no setting of a person.
BETWEEN_OURSELVES = {"KAGA_BOX", "KAGA_COURSES", "KAGA_COURSE", "KAGA_COURSE_ROOT"}


def names(suffix, *folders):
    files = [file for file in tracked() if file.suffix == suffix and file.relative_to(ROOT).parts[0] in folders]
    return {name for file in files for name in NAME.findall(file.read_text(encoding="utf-8"))}


def test_every_setting_is_documented():
    read = names(".py", "console", "curriculum", "hub", "robolev")
    told = names(".md", "console", "curriculum", "hub", "robolev", "README.md")
    assert len(read) > 8
    assert read - told - BETWEEN_OURSELVES == set(), "expected a line in a README"
    # robolev's names are made from its table, which has a test of its own.
    unread = {name for name in told - read if not name.startswith("KAGA_ROBOLEV_")}
    assert unread == set(), "expected code that reads it"
