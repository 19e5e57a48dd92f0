"""A tournament as one journal: commands in, events on disk, then everybody told."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from robolev.domain.errors import RuleViolation, shown
from robolev.domain.ranking import standings
from robolev.domain.run import RunState, apply, decide, result
from robolev.domain.score import Ruleset
from robolev.store.journal import Command, Journal, JournalError, Recorded

Listener = Callable[[Recorded], None]
MAX_RUNS = 20_000


class Tournament:
    """The runs of one challenge, rebuilt from the journal at the start. Safe to call from several threads.

    `best` and `of` are how many runs count and how many a team may make (`of` None: unlimited).
    """

    def __init__(self, journal: Journal, ruleset: Ruleset, best: int = 5, of: int | None = 10) -> None:
        self._journal, self.ruleset, self.best, self.of = journal, ruleset, best, of
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._runs: dict[str, RunState] = {}
        self._logs: dict[str, list[Recorded]] = {}
        self._live: dict[str, None] = {}  # called, running or to be signed: few, where all runs may be thousands
        for event in journal.events():
            self._apply(event)

    def command(
        self, run_id: str, command_id: str, actor: str, content: Mapping[str, Any], expected: int | None = None
    ) -> RunState:
        """Do what is asked and return the run's new state; it is on disk when this returns.

        The same `command_id` again returns the state without doing anything. `expected` is the version of the run the
        asker has seen; JournalError `conflict` when somebody else was faster. Raises RuleViolation.
        """
        for name, value in (("run", run_id), ("command_id", command_id), ("actor", actor)):
            if not isinstance(value, str) or not 1 <= len(value) <= 100:
                raise RuleViolation("wrong_type", f"{name}: expected a text of 1 to 100 characters, got {shown(value)}")
        command = Command(command_id, actor, dict(content))
        with self._lock:
            state = self._runs.get(run_id, RunState())
            if self._journal.known(command_id):
                self._journal.append(run_id, command, [], 0)  # refuses the id when it carries another command
                return state
            if expected is not None and expected != state.version:
                raise JournalError("conflict", f"run {run_id}: expected version {expected}, got {state.version}")
            if content.get("do") == "call":
                self._check_call(run_id, content)
            bodies = decide(state, content, self.ruleset)
            events = self._journal.append(run_id, command, bodies, time.time_ns() // 1_000_000)
            for event in events:
                self._apply(event)
            for listener in list(self._listeners):
                for event in events:
                    listener(event)
            return self._runs[run_id]

    def live(self) -> dict[str, RunState]:
        """The runs that are called, running or to be signed."""
        with self._lock:
            return {name: self._runs[name] for name in self._live}

    def run(self, run_id: str) -> RunState:
        """A run's state. Raises RuleViolation when there is none."""
        with self._lock:
            if run_id not in self._runs:
                raise RuleViolation("unknown_run", f"run: expected a run that was called, got {shown(run_id)}")
            return self._runs[run_id]

    def runs(self) -> dict[str, RunState]:
        """All runs, in the order they were called."""
        with self._lock:
            return dict(self._runs)

    def log(self, run_id: str) -> list[Recorded]:
        """A run's events in order."""
        with self._lock:
            return list(self._logs.get(run_id, ()))

    def running_with(self, robot: int) -> str | None:
        """The id of the run that this robot is in now, if any."""
        return self._running(lambda run: run.robot == robot)

    def running_on(self, field: str) -> str | None:
        """The id of the run that is on this field now, if any."""
        return self._running(lambda run: run.field == field)

    def _running(self, wanted: Callable[[RunState], bool]) -> str | None:
        with self._lock:
            found = [name for name in self._live if self._runs[name].state == "running" and wanted(self._runs[name])]
            return found[-1] if found else None

    def standings(self, division: str) -> list[dict[str, Any]]:
        """Ranked teams of a division by their signed runs; ties share a rank."""
        points: dict[str, list[float]] = {}
        for run in self.runs().values():
            if run.division == division and run.official:
                points.setdefault(run.team, []).append(result(run, self.ruleset).points)
        chain = ["best_single", "next_best"]
        table = {"best": self.best, "of": None, "tie_break": chain, "runs": points}
        return list(standings(table)["standings"])

    def events(self, after: int = 0) -> Iterator[Recorded]:
        """Events on record beyond a sequence number, for listeners that missed some."""
        return self._journal.events(after=after)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called, quickly and never blocking, for each new event; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _apply(self, event: Recorded) -> None:
        self._logs.setdefault(event.stream, []).append(event)
        run = self._runs[event.stream] = apply(self._runs.get(event.stream, RunState()), event.body)
        if run.state in ("signed", "void"):
            self._live.pop(event.stream, None)
        else:
            self._live[event.stream] = None

    def _check_call(self, run_id: str, content: Mapping[str, Any]) -> None:
        if len(self._runs) >= MAX_RUNS:
            raise RuleViolation("too_many", f"runs: expected at most {MAX_RUNS} in a tournament, got one more")
        for name in self._live:
            if name != run_id and self._runs[name].field == str(content.get("field", "")).strip():
                raise RuleViolation("field_busy", f"field: expected a free field, got one with run {name} on it")
        used = [r for r in self._runs.values() if r.team == content.get("team") and r.state != "void"]
        if self.of is not None and len(used) >= self.of:
            raise RuleViolation("too_many_runs", f"team: expected at most {self.of} official runs, got one more")
