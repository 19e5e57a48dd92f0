"""A small invented tournament, played through the ordinary commands, so that a first look at every page shows life."""

import tomllib
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from robolev.service.tournament import Tournament

ACTOR = "demo"
DATA = Path(__file__).with_name("demo.toml")
FIELDS = ("1", "2", "3", "4")


def seed(tournament: Tournament) -> None:
    """Play the runs of `demo.toml`; all of them have ended and no field is busy when this returns.

    Does nothing where anything was called before: a tournament on record is never mixed with an invented one.
    """
    if tournament.runs():
        return
    plans = [_runs_of(team) for team in tomllib.loads(DATA.read_text(encoding="utf-8"))["teams"]]
    # Teams take turns, as at a real field.
    made = [run for turn in zip_longest(*plans) for run in turn if run is not None]
    for number, run in enumerate(made):
        field = FIELDS[number % len(FIELDS)]
        _play(tournament, f"demo-{number + 1}", {**run, "call": {**run["call"], "field": field}})


def _runs_of(team: Mapping[str, Any]) -> list[dict[str, Any]]:
    call = {name: team[name] for name in ("division", "lang")} | {"team": team["name"]}
    runs: list[dict[str, Any]] = [{"call": call, "sheet": sheet, "end": "completed"} for sheet in team["runs"]]
    if "disqualified" in team:
        runs.append({"call": call, "sheet": team["disqualified"], "end": "disqualified"})
    if "void" in team:
        runs.append({"call": call, "end": "completed", **team["void"]})
    return runs


def _play(tournament: Tournament, run_id: str, run: Mapping[str, Any]) -> None:
    def ask(do: str, **content: Any) -> None:
        number = len(tournament.log(run_id))
        tournament.command(run_id, f"{run_id}-{number}", ACTOR, {"do": do, **content})

    rungs, balls = run["sheet"]
    ladder = [step.item for step in tournament.ruleset.ladders[run["call"]["division"]]]
    ask("call", **run["call"])
    ask("start")
    ask("record", sheet={"checkpoints": ladder[:rungs], "bonus_balls": balls})
    ask("end", reason=run["end"])
    if "reason" in run:
        ask("void", reason=run["reason"])
    else:
        for signer in ("player", "referee"):
            ask("sign", by=signer)
