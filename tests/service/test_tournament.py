"""Commands, standings, conflicts, and robots' events becoming proposals."""

import os
import sqlite3
import threading
import tty

import pytest

from robolev.domain.errors import RuleViolation
from robolev.link.frames import Decoder, Frame, encode
from robolev.link.messages import Event, Telemetry, pack, parse
from robolev.rulesets import loader
from robolev.service.lines import Lines
from robolev.service.recorder import COLUMNS, Recorder
from robolev.service.tournament import Tournament
from robolev.store import captures
from robolev.store.journal import Journal, JournalError

RULES = loader.load("line_following")
ES = [step.item for step in RULES.ladders["ES"]]


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j.db", patience_s=0.2)
    yield opened
    opened.close()


@pytest.fixture
def tournament(journal):
    return Tournament(journal, RULES, best=2, of=3)


def call(tournament, run, team, field="1", robot=0):
    content = {"do": "call", "team": team, "division": "ES", "field": field, "robot": robot}
    return tournament.command(run, f"{run}-call", "desk", content)


def ask(tournament, run, do, **content):
    number = tournament.run(run).version
    return tournament.command(run, f"{run}-{do}-{number}", "referee", {"do": do, **content})


def play(tournament, run, team, rungs):
    call(tournament, run, team)
    ask(tournament, run, "start")
    if rungs:
        ask(tournament, run, "record", sheet={"checkpoints": ES[:rungs]})
    ask(tournament, run, "end", reason="time_up")
    ask(tournament, run, "sign", by="referee")
    return ask(tournament, run, "sign", by="player")


def test_only_signed_runs_count_and_the_best_two_add_up(tournament, journal):
    for number, (team, rungs) in enumerate([("A", 1), ("B", 2), ("A", 5), ("A", 3)]):
        play(tournament, f"r{number}", team, rungs)
    call(tournament, "r9", "C")
    rows = [(r["rank"], r["team"], r["total"]) for r in tournament.standings("ES")]
    assert rows == [(1, "A", 650), (2, "B", 150)]
    assert Tournament(journal, RULES, best=2, of=3).standings("ES") == tournament.standings("ES")


def test_the_run_above_the_limit_and_a_busy_field_are_refused(tournament):
    for number in range(3):
        play(tournament, f"r{number}", "A", 1)
    with pytest.raises(RuleViolation, match="at most 3 official runs"):
        call(tournament, "r3", "A")
    call(tournament, "r4", "B")
    with pytest.raises(RuleViolation, match="free field, got one with run r4"):
        call(tournament, "r5", "C")
    call(tournament, "r6", "C", field="2")


def test_the_same_tap_twice_counts_once_and_two_referees_conflict(tournament, journal):
    call(tournament, "r1", "A")
    version = ask(tournament, "r1", "start").version
    tap = {"do": "record", "sheet": {"checkpoints": ES[:1]}}
    first = tournament.command("r1", "tap", "referee", tap, expected=version)
    assert tournament.command("r1", "tap", "referee", tap, expected=version) == first
    with pytest.raises(JournalError) as caught:
        tournament.command("r1", "other", "second", {"do": "record", "sheet": {"checkpoints": []}}, expected=version)
    assert caught.value.code == "conflict" and tournament.run("r1") == first
    with pytest.raises(JournalError, match="new id"):
        tournament.command("r1", "tap", "referee", {"do": "end", "reason": "time_up"})


@pytest.fixture
def lines(tournament, tmp_path):
    recorder = Recorder(tmp_path / "telemetry")
    opened = Lines(tournament, recorder, tmp_path / "captures")
    yield opened
    opened.close_all()
    recorder.close()


@pytest.fixture
def wire():
    """The near end of a serial line and the name of its far end."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def line(lines, wire):
    return wire[0], connected(lines.open(wire[1], "robot"))


def connected(gateway):
    """What is on a line before it is opened is lost: an old run's bytes are nobody's."""
    until(lambda: gateway.health().state == "connected")
    return gateway


def until(check):
    for _ in range(400):
        if check():
            return
        threading.Event().wait(0.02)
    raise AssertionError("did not happen within 8 s")


def test_a_robots_checkpoint_is_proposed_once_and_acknowledged_once_on_disk(tournament, lines, line, journal):
    master, gateway = line
    call(tournament, "r1", "A", robot=7)
    ask(tournament, "r1", "start")
    checkpoint = encode(pack(Event(7, 1, 1234, 4, 0)))
    os.write(master, b"\x00garbage\xc0" + checkpoint[:5])
    os.write(
        master, checkpoint + checkpoint + encode(pack(Telemetry(7, 0, 1250, 7400, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1)))
    )
    until(lambda: lines._recorder.rows("r1"))
    (proposal,) = tournament.run("r1").proposals
    assert (proposal.item, proposal.source, proposal.robot_time_ms) == ("left_home", "robot 7", 1234)
    answers = Decoder().feed(os.read(master, 1000))
    assert answers and all(isinstance(a, Frame) and parse(a.body).counter == 1 for a in answers)
    assert tournament.standings("ES") == [] and journal.verify() == []
    health = gateway.health()
    assert health.state == "connected" and not health.stale and health.counts["bad_checksum"] >= 1


def test_what_is_not_for_a_running_run_proposes_nothing(tournament, line):
    master, gateway = line
    call(tournament, "r1", "A", robot=7)
    ask(tournament, "r1", "start")
    os.write(master, encode(pack(Event(8, 1, 0, 4, 0))) + encode(pack(Event(7, 1, 0, 4, 99))))
    until(lambda: gateway.health().counts.get("frames") == 2)
    os.write(master, encode(pack(Event(7, 2, 0, 3, 1))))
    until(lambda: gateway.health().counts.get("not_in_division") == 1)
    assert tournament.run("r1").proposals == (), "ES has no intersections"


def test_silence_is_never_shown_as_well(tournament, line):
    _master, gateway = line
    assert gateway.health().stale


def test_a_fields_sensor_speaks_for_the_run_on_its_field_and_a_robot_only_for_itself(tournament, lines, wire):
    master, name = wire
    call(tournament, "r1", "A", field="3", robot=60000)
    call(tournament, "r2", "B", field="4", robot=60002)
    for run in ("r1", "r2"):
        ask(tournament, run, "start")
    gateway = connected(lines.open(name, "sensor", {60001: "3"}, frozenset({60001})))
    os.write(master, encode(pack(Event(60002, 1, 5, 3, 0))) + encode(pack(Event(60001, 1, 900, 3, 3))))
    until(lambda: tournament.run("r1").proposals)
    (proposal,) = tournament.run("r1").proposals
    assert (proposal.item, proposal.source, proposal.robot_time_ms) == ("reached_tower", "sensor 60001", 900)
    assert tournament.run("r2").proposals == () and gateway.health().counts["foreign"] == 1


def test_telemetry_is_kept_with_events_and_empty_poses_and_outlives_the_server(tournament, lines, line, tmp_path):
    master, _gateway = line
    call(tournament, "r1", "A", robot=7)
    ask(tournament, "r1", "start")
    sent = b""
    for number in range(3):
        flags = 0 if number == 1 else 1
        at = (2**32 - 10 + 20 * number) % 2**32
        message = Telemetry(7, number, at, 7400, 0, 0, 0, 1000, 400, -250, 31, -4, -9000, 1, flags)
        sent += encode(pack(Event(7, 1, 5, 4, 0))) * (number == 1) + encode(pack(message))
    os.write(master, sent)
    until(lambda: len(lines._recorder.rows("r1")) == 3)
    lines.close_all()
    again = Recorder(tmp_path / "telemetry")
    first, second, third = (dict(zip(COLUMNS, row, strict=True)) for row in again.rows("r1"))
    assert [first["t_ms"], second["t_ms"], third["t_ms"]] == [0, 20, 40], "the robot's clock may wrap"
    assert (first["x_mm"], first["y_mm"], first["heading_deg"]) == (31, -4, -90.0)
    assert second["x_mm"] is second["y_mm"] is second["heading_deg"] is None
    assert (first["left"], first["right"], first["s_left"], first["s_right"]) == (0.4, -0.25, 0.0, 1.0)
    assert [first["event"], second["event"], third["event"]] == ["", "left_home", ""]
    (file,) = (tmp_path / "captures").glob("*.cap")
    assert b"".join(data for _at, data in captures.read(file)) == sent
    again.close()


def test_a_locked_journal_stops_no_line_and_the_event_comes_through_later(tournament, line, tmp_path):
    master, gateway = line
    call(tournament, "r1", "A", robot=7)
    ask(tournament, "r1", "start")
    checkpoint = encode(pack(Event(7, 1, 1234, 4, 0)))
    other = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    os.write(master, checkpoint)
    until(lambda: gateway.health().counts.get("not_on_disk"))
    other.execute("ROLLBACK")
    other.close()
    os.write(master, checkpoint)  # not acknowledged, so the robot sends it again
    until(lambda: tournament.run("r1").proposals)
    assert gateway.health().state == "connected"
    (answer,) = Decoder().feed(os.read(master, 1000))
    assert parse(answer.body).counter == 1
