"""The invented tournament: alive in every division, by the rules, and never mixed with a real one."""

import pytest

from robolev.domain.run import RunState, result
from robolev.rulesets import loader
from robolev.service import demo
from robolev.service.tournament import Tournament
from robolev.store.journal import Journal

RULES = loader.load("line_following")
ROSTER_TEAMS = {"柴山ライナーズ", "片山津スターズ"}


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j.db")
    yield opened
    opened.close()


def test_an_empty_journal_gets_a_tournament_that_has_ended(journal):
    tournament = Tournament(journal, RULES)
    demo.seed(tournament)
    runs = tournament.runs().values()
    assert not tournament.live(), "no field is busy"
    (void,) = [run for run in runs if run.state == "void"]
    assert void.void_reason
    assert [result(run, RULES).status for run in runs if run.state == "signed"].count("disqualified") == 1
    for division, least in (("ES", 3), ("MS", 3), ("HS", 2)):
        rows = tournament.standings(division)
        assert len(rows) >= least and all(row["total"] > 0 and len(row["counted"]) >= 3 for row in rows)
    teams = {run.team for run in runs}
    assert not teams & ROSTER_TEAMS and {"ja", "zh-Hant", "en"} == {run.lang for run in runs}
    assert {event.actor for event in journal.events()} == {"demo"} and journal.verify() == []
    head = journal.head()
    demo.seed(tournament)
    assert journal.head() == head, "a second start adds nothing"


def test_a_journal_with_anything_on_it_is_left_alone(journal):
    tournament = Tournament(journal, RULES)
    called = {"do": "call", "team": "A", "division": "ES", "field": "1"}
    tournament.command("r1", "c1", "desk", called)
    demo.seed(tournament)
    assert list(tournament.runs()) == ["r1"] and tournament.run("r1") == RunState("called", 1, "A", "ES", "1")
