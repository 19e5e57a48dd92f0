"""The journal loses nothing it acknowledged, takes a command once, and shows tampering."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from console.main import main
from robolev.store.journal import Command, Journal, JournalError

# Appends for ever and prints each command id only after it was acknowledged.
WRITER = """
import sys
from pathlib import Path
from robolev.store.journal import Command, Journal
journal = Journal(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    journal.append("run-1", Command(f"c{number}", "referee", {"n": number}), [{"n": number}], at_ms=number)
    print(number, flush=True)
"""


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j.db")
    yield opened
    opened.close()


def tap(journal, number, stream="run-1", expected=None):
    return journal.append(stream, Command(f"c{number}", "referee", {"n": number}), [{"n": number}], number, expected)


def test_events_come_back_in_order_and_survive_closing(tmp_path, journal):
    for number in range(5):
        tap(journal, number)
    journal.close()
    again = Journal(tmp_path / "j.db")
    assert [e.body["n"] for e in again.events()] == [0, 1, 2, 3, 4]
    assert [e.seq for e in again.events(after=3)] == [4, 5]
    assert again.verify() == []
    again.close()


def test_the_same_command_twice_is_the_same_result_once(journal):
    assert tap(journal, 1) == tap(journal, 1)
    assert len(list(journal.events())) == 1


def test_a_command_id_cannot_carry_another_command(journal):
    tap(journal, 1)
    with pytest.raises(JournalError) as caught:
        journal.append("run-1", Command("c1", "referee", {"n": 2}), [{"n": 2}], 0)
    assert caught.value.code == "command_reused"


def test_two_referees_on_one_run_get_a_visible_conflict(journal):
    tap(journal, 1, expected=0)
    with pytest.raises(JournalError) as caught:
        tap(journal, 2, expected=0)
    assert caught.value.code == "conflict"
    tap(journal, 3, stream="run-2", expected=0)
    assert [e.body["n"] for e in journal.events("run-1")] == [1]


def test_an_event_too_large_leaves_nothing_of_its_command(journal):
    with pytest.raises(JournalError, match="at most"):
        journal.append("run-1", Command("c1", "referee", {}), [{"small": 1}, {"large": "x" * 70_000}], 0)
    assert list(journal.events()) == []


def test_eight_writers_at_once_make_one_unbroken_chain(tmp_path, journal):
    def write(writer):
        own = Journal(tmp_path / "j.db")
        for number in range(20):
            own.append(f"field-{writer}", Command(f"{writer}-{number}", "r", {}), [{"n": number}], 0)
        own.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert journal.head()[0] == 160
    assert journal.verify() == []


def test_order_does_not_depend_on_the_wall_clock(journal):
    for number, at_ms in enumerate([9_000_000, 5_400_000, 5_400_001]):
        journal.append("run-1", Command(f"c{number}", "referee", {}), [{"n": number}], at_ms)
    assert [e.body["n"] for e in journal.events()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        ("UPDATE events SET body = '{\"n\":9}' WHERE seq = 2", "altered"),
        ("UPDATE events SET actor = 'someone' WHERE seq = 2", "altered"),
        ("UPDATE events SET at_ms = 0 WHERE seq = 2", "altered"),
        ("DELETE FROM events WHERE seq = 2", "removed"),
        ("UPDATE events SET seq = seq + 100 WHERE seq = 2", "reordered"),
    ],
)
def test_tampering_is_found_by_the_command(tmp_path, journal, tampering, says):
    for number in range(1, 5):
        tap(journal, number)
    journal.close()
    file = tmp_path / "j.db"
    assert CliRunner().invoke(main, ["robolev", "verify", str(file)]).exit_code == 0
    with sqlite3.connect(file) as connection:
        connection.execute(tampering)
    result = CliRunner().invoke(main, ["robolev", "verify", str(file)])
    assert result.exit_code == 1 and says in result.output


def test_a_file_that_is_no_journal_gets_one_line(tmp_path):
    file = tmp_path / "photo.db"
    file.write_bytes(b"no database at all" * 1000)
    result = CliRunner().invoke(main, ["robolev", "verify", str(file)])
    assert result.exit_code == 2 and "expected a journal" in result.stderr


def test_kill_9_loses_nothing_acknowledged(tmp_path):
    file = tmp_path / "j.db"
    acknowledged = 0
    for kill in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(acknowledged)], stdout=subprocess.PIPE, text=True
        )
        try:
            for _ in range(3 + 7 * kill):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            for line in writer.stdout:
                if line.endswith("\n"):
                    acknowledged = int(line)
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    journal = Journal(file)
    numbers = [e.body["n"] for e in journal.events()]
    assert numbers == list(range(1, len(numbers) + 1)), "lost or doubled"
    assert len(numbers) >= acknowledged
    assert journal.verify() == []
    journal.close()


def test_reading_and_verifying_hold_nobody_up(tmp_path, journal):
    for number in range(3):
        tap(journal, number)
    reader = Journal(tmp_path / "j.db", patience_s=0.1)
    some = reader.events()
    next(some)
    tap(journal, 3)
    assert len(list(some)) == 2 and reader.verify() == []
    reader.close()


def test_a_journal_that_cannot_be_written_says_so_and_takes_the_same_command_later(tmp_path):
    journal = Journal(tmp_path / "j.db", patience_s=0.1)
    other = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="got: database is locked") as refused:
        tap(journal, 1)
    assert refused.value.code == "not_on_disk"
    other.execute("ROLLBACK")
    other.close()
    assert [event.seq for event in tap(journal, 1)] == [1]
    journal.close()
