"""Read a rule file, check it whole, and score its worked examples before anyone may use it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

from robolev.domain.errors import RuleViolation, shown
from robolev.domain.score import MAX_BALLS, Ruleset, Step, score

# The settings a call or a tournament may lay over a rule file, with their bounds.
PARAMETERS: Mapping[str, tuple[int, int]] = {"target": (1, MAX_BALLS)}
MAX_POINTS = 100_000


def challenges() -> list[str]:
    """Names of the challenges that have a rule file."""
    folder = resources.files("robolev.rulesets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(challenge: str, overrides: Mapping[str, str] | None = None) -> Ruleset:
    """The shipped rule set of a challenge with `overrides` (name to text) laid over. Raises RuleViolation."""
    if challenge not in challenges():
        raise RuleViolation(
            "unknown_challenge", f"challenge: expected one of {' '.join(challenges())}, got {shown(challenge)}"
        )
    text = resources.files("robolev.rulesets").joinpath(f"{challenge}.toml").read_text(encoding="utf-8")
    ruleset = parse(text, f"{challenge}.toml")
    return replace(ruleset, parameters={name: _override(name, value) for name, value in (overrides or {}).items()})


def parse(text: str, name: str) -> Ruleset:
    """A checked Ruleset from the text of a rule file; `name` is what messages call the file.

    Raises RuleViolation `bad_ruleset` with file and line for broken TOML, a missing or mistyped entry, a ladder whose
    points do not add up to `mission_total`, an item listed twice, or an example that scores otherwise than it says.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RuleViolation("bad_ruleset", f"{name}: not readable as TOML: {problem}") from None
    ruleset = _ruleset(data, text, name)
    for example in _entry(data, "examples", list, text, name):
        _run_example(example, ruleset, text, name)
    return ruleset


def _ruleset(data: dict[str, Any], text: str, name: str) -> Ruleset:
    total = _entry(data, "mission_total", int, text, name)
    divisions = _entry(data, "divisions", dict, text, name)
    ladders, targets = {}, {}
    for division, part in divisions.items():
        if not isinstance(part, dict):
            raise _bad(text, name, division, f"divisions.{division}: expected a table, got {shown(part)}")
        steps = [_step(entry, division, text, name) for entry in _entry(part, "ladder", list, text, name)]
        names = [step.item for step in steps]
        if len(set(names)) != len(names):
            raise _bad(text, name, f"[divisions.{division}]", f"divisions.{division}: an item is listed twice")
        if (got := sum(step.points for step in steps)) != total:
            where = f"[divisions.{division}]"
            raise _bad(text, name, where, f"divisions.{division}: expected points that add up to {total}, got {got}")
        ladders[division] = tuple(steps)
        targets[division] = _entry(part, "target", int, text, name)
        if not 1 <= targets[division] <= MAX_BALLS:
            raise _bad(text, name, f"[divisions.{division}]", f"divisions.{division}.target: expected 1 to {MAX_BALLS}")
    if not ladders:
        raise _bad(text, name, "divisions", "divisions: expected at least one, got none")
    texts = {key: _entry(data, key, str, text, name) for key in ("challenge", "version", "bonus_rule", "tower_rule")}
    seconds = _entry(data, "seconds", int, text, name)
    if not 1 <= seconds <= 3600:
        raise _bad(text, name, "seconds", f"seconds: expected 1 to 3600, got {seconds}")
    unconfirmed = tuple(str(x) for x in _entry(data, "unconfirmed", list, text, name))
    return Ruleset(
        **texts,
        ladders=ladders,
        mission_total=total,
        parameters={},
        seconds=seconds,
        targets=targets,
        unconfirmed=unconfirmed,
    )


def _step(entry: Any, division: str, text: str, name: str) -> Step:
    where = f"[divisions.{division}]"
    if not isinstance(entry, dict) or set(entry) != {"item", "points", "rule"}:
        raise _bad(
            text, name, where, f"divisions.{division}.ladder: expected item, points and rule, got {shown(entry)}"
        )
    points = entry["points"]
    if isinstance(points, bool) or not isinstance(points, int) or not 0 <= points <= MAX_POINTS:
        raise _bad(text, name, where, f"{entry['item']}: expected points 0 to {MAX_POINTS}, got {shown(points)}")
    return Step(str(entry["item"]), points, str(entry["rule"]))


def _run_example(example: Any, ruleset: Ruleset, text: str, name: str) -> None:
    if not isinstance(example, dict) or not {"id", "division", "target", "points", "sheet"} <= set(example):
        raise _bad(
            text, name, "[[examples]]", f"examples: expected id division target points sheet, got {shown(example)}"
        )
    try:
        got = score(example["sheet"], replace(ruleset, parameters={"target": example["target"]}), example["division"])
    except RuleViolation as problem:
        raise _bad(text, name, example["id"], f"example {example['id']}: {problem}") from None
    if got.points != example["points"]:
        raise _bad(
            text, name, example["id"], f"example {example['id']}: expected {example['points']} points, got {got.points}"
        )


def _entry(data: dict[str, Any], key: str, kind: type, text: str, name: str) -> Any:
    value = data.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _bad(text, name, key, f"{key}: expected {kind.__name__}, got {shown(value)}")
    return value


def _bad(text: str, name: str, anchor: str, message: str) -> RuleViolation:
    found = re.search(re.escape(str(anchor)), text)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    return RuleViolation("bad_ruleset", f"{name}:{line}: {message}")


def _override(name: str, value: str) -> int:
    if name not in PARAMETERS:
        raise RuleViolation("unknown_parameter", f"--set: expected one of {' '.join(PARAMETERS)}, got {shown(name)}")
    low, high = PARAMETERS[name]
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise RuleViolation(
            "out_of_range", f"--set {name}: expected a whole number {low} to {high}, got {shown(value)}"
        )
    return int(value)
