"""What a page shows of a run and of the standings: plain values with their words, no decision of its own."""

import time
from collections import Counter
from typing import Any

from robolev.domain.run import RunState, may_be_asked, result
from robolev.service.gateway import STALE_S
from robolev.service.tournament import Tournament
from robolev.store.journal import Recorded
from robolev.web.incoming import Refused
from robolev.web.venue import Venue
from robolev.web.words import words

LOG_LINES = 40


def run_view(venue: Venue, run_id: str, language: str) -> dict[str, Any]:
    """One run for the referee's page and the API. Raises RuleViolation when there is none."""
    tournament = venue.tournament
    run, log, say = tournament.run(run_id), tournament.log(run_id), words(language)
    rules = tournament.ruleset
    times = _first_times(log)
    counted = result(run, rules)
    ladder = [step.item for step in rules.ladders[run.division]]
    following = ladder[len(run.checkpoints)] if len(run.checkpoints) < len(ladder) else ""
    return {
        "run": run_id,
        "seq": log[-1].seq if log else 0,
        "server_ms": time.time_ns() // 1_000_000,
        "state": run.state,
        "state_name": say["states"][run.state],
        "version": run.version,
        "team": run.team,
        "lang": _languages(tournament).get(run.team, ""),
        "division": run.division,
        "field": run.field,
        "robot": run.robot,
        "seconds": rules.seconds,
        "started_ms": times.get("start"),
        "ended_ms": times.get("end"),
        "target": rules.target(run.division),
        "ladder": _ladder(tournament, run, log, say),
        "chain": len(run.checkpoints),
        "next": _line(following, say)["name"] if run.state == "running" and following else say["next"][run.state],
        "bonus_balls": run.bonus_balls,
        "tower_touched": run.tower_touched,
        "points": counted.points,
        "breakdown": [{**_line(x.item, say), "rule": x.rule, "points": x.points} for x in counted.lines],
        "proposals": [
            {**_line(p.item, say), "id": p.id, "robot_time_ms": p.robot_time_ms, **_source(p.source, say)}
            | {"ready": p.item == following}
            for p in run.proposals
            if p.status == "open" and p.item not in run.checkpoints
        ],
        "end_reason": run.end_reason,
        "void_reason": run.void_reason,
        "may_void": may_be_asked(run, "void"),
        "signed_by": list(run.signed_by),
        "virtual": bool(run.program),
        "robot_now": robot_view(venue, run_id, language),
        "log": [_logged(event, run, say) for event in reversed(log[-LOG_LINES:])],
        "undo": _undo(log) if run.state in ("running", "ended") else None,
    }


def robot_view(venue: Venue, run_id: str, language: str) -> dict[str, Any] | None:
    """How a run's robot is now: what it does, and whether anything is heard of it; None for a run without one."""
    run, say = venue.tournament.run(run_id), words(language)
    if not run.robot:
        return None
    age, status = venue.lines.age_s(run.robot), venue.robots.status(run_id)
    heard = age is not None and age <= STALE_S
    view = {"link_ok": heard, "link_name": say["link_ok" if heard else "link_stale"], "age_s": age}
    if status is None:
        return view
    name = say["robot_ends"].get(status.why, status.why) if status.why else say["robot_states"][status.state]
    return {**view, "state": status.state, "name": name, "printed": status.printed, "field": status.field}


def my_run_view(tournament: Tournament, run_id: str) -> dict[str, Any]:
    """One run as its own team's notebooks see it."""
    run = tournament.run(run_id)
    view: dict[str, Any] = {"run": run_id, "team": run.team, "division": run.division, "field": run.field}
    view |= {"state": run.state, "points": result(run, tournament.ruleset).points}
    view |= {"started_at_ms": _first_times(tournament.log(run_id)).get("start")}
    return {**view, "kind": "sim" if run.program else "robot", "rules_version": tournament.ruleset.version}


def division_view(tournament: Tournament, division: str) -> dict[str, Any]:
    """The public table of a division: rank, team, counted runs, total; who is on a field now."""
    if division not in tournament.ruleset.divisions:
        raise Refused(404, "unknown_division", "expected one of " + " ".join(tournament.ruleset.divisions))
    runs = tournament.runs().values()
    made = Counter(run.team for run in runs if run.division == division and run.official)
    now = {run.team: run.field for run in runs if run.division == division and run.state == "running"}
    rows = tournament.standings(division)
    most = max((points for row in rows for points in row["counted"]), default=0) or 1
    languages = _languages(tournament)
    for row in rows:
        row["runs"] = made[row["team"]]
        row["lang"] = languages.get(row["team"], "")
        row["shares"] = [(points, int(100 * points / most)) for points in row["counted"]]
    return {"division": division, "rows": rows, "running": now, "best": tournament.best, "of": tournament.of}


def offered_teams(tournament: Tournament, roster: tuple[str, ...]) -> list[str]:
    """The teams a call can choose from: the roster's and those that were called before."""
    return sorted({*roster, *(run.team for run in tournament.runs().values())})


def board_view(tournament: Tournament, language: str, roster: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every run for the desk, the newest first. `stranger`: not on the roster, while that can still be put right."""
    say = words(language)
    found, languages = [], _languages(tournament)
    for run_id, run in reversed(tournament.runs().items()):
        row: dict[str, Any] = {
            "run": run_id,
            "team": run.team,
            "division": run.division,
            "field": run.field,
            "state": run.state,
        }
        row |= {"void_reason": run.void_reason, "may_void": may_be_asked(run, "void")}
        row |= {"virtual": bool(run.program), "lang": languages.get(run.team, "")}
        row["stranger"] = bool(roster) and run.team not in roster and run.state not in ("signed", "void")
        found.append({**row, "state_name": say["states"][run.state], "points": result(run, tournament.ruleset).points})
    return found


def lines_view(venue: Venue, language: str) -> list[dict[str, Any]]:
    """Every serial line for the desk: the port's state, and whether anything good came lately."""
    say = words(language)
    found = []
    for gateway in venue.lines.all():
        health = gateway.health()
        bad = sum(count for name, count in health.counts.items() if name.startswith("bad_"))
        state = "silent" if health.state == "connected" and health.stale else health.state
        row = {"port": gateway.port.removeprefix("/dev/"), "well": not health.stale, "state": say["lines"][state]}
        found.append({**row, "frames": health.counts.get("frames", 0), "bad": bad})
    return found


def _languages(tournament: Tournament) -> dict[str, str]:
    """The language of each team's name, where any call of it said so."""
    return {run.team: run.lang for run in tournament.runs().values() if run.lang}


def _ladder(tournament: Tournament, run: RunState, log: list[Recorded], say: dict[str, Any]) -> list[dict[str, Any]]:
    asked = {p.item for p in run.proposals if p.status == "open"}
    reached = _reached_times(log)
    steps = []
    for place, step in enumerate(tournament.ruleset.ladders[run.division]):
        done = place < len(run.checkpoints)
        kind = "done" if done else "ask" if step.item in asked else "todo"
        line = {**_line(step.item, say), "points": step.points, "kind": kind, "rule": step.rule}
        line["next"] = place == len(run.checkpoints)
        steps.append({**line, "at": clock(reached.get(step.item, 0)) if done else ""})
    return steps


def _line(item: str, say: dict[str, Any]) -> dict[str, Any]:
    return {"item": item, "name": say["items"].get(item, item)}


def _source(source: str, say: dict[str, Any]) -> dict[str, str]:
    """Who proposes: `source` as it is on record, and its name for people."""
    kind, _, number = source.partition(" ")
    name = say["sources"].get(kind, kind)
    return {"source": source, "source_kind": kind, "source_name": f"{name} {number}" if kind == "robot" else name}


def _first_times(log: list[Recorded]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in log:
        found.setdefault(event.body["happened"], event.at_ms)
    return found


def _reached_times(log: list[Recorded]) -> dict[str, int]:
    """When each checkpoint was last put on the sheet."""
    at: dict[str, int] = {}
    before: list[str] = []
    for event in log:
        chain = event.body.get("new", {}).get("checkpoints")
        if chain is not None:
            at |= {item: event.at_ms for item in chain if item not in before}
            before = chain
    return at


def _logged(event: Recorded, run: RunState, say: dict[str, Any]) -> dict[str, Any]:
    body = event.body
    what = [say["happened"][body["happened"]]]
    if "proposal" in body:
        what += [say["items"][p.item] for p in run.proposals if p.id == body["proposal"]]
    if body["happened"] == "record":
        old, new = body["old"], body["new"]
        if "bonus_balls" in new:
            what = [say["items"]["bonus_balls"], f"{old['bonus_balls']} → {new['bonus_balls']}"]
        elif "checkpoints" in new:
            longer = max(old["checkpoints"], new["checkpoints"], key=len)
            sign = "−" if len(new["checkpoints"]) < len(old["checkpoints"]) else ""
            what = [sign + say["items"][longer[-1]]] if longer else what
    if body["happened"] == "end":
        what.append(say["reasons"].get(body["reason"], say["states"]["ended"]))
    if body["happened"] == "void":
        what.append(body["reason"])
    if body["happened"] == "sign":
        what.append(say[f"signer_{body['by']}"])
    return {"seq": event.seq, "at": clock(event.at_ms), "actor": event.actor, "what": " ".join(what)}


def _undo(log: list[Recorded]) -> dict[str, Any] | None:
    """The sheet values before the last correction, if that is the last thing anybody did."""
    acts = [event.body for event in log if event.body["happened"] != "propose"]
    return dict(acts[-1]["old"]) if acts and acts[-1]["happened"] == "record" else None


def clock(at_ms: int) -> str:
    """Local wall time for people, hours to seconds."""
    return time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))
