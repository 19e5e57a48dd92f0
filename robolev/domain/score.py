"""Score one run's sheet against a rule set of the ladder-and-bonus kind.

Words: a *ladder* is the list of checkpoints a division has, in the order of the field; a *sheet* is what the referee
recorded; a *breakdown* line names the item, the rule it rests on and its points.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robolev.domain.errors import RuleViolation, shown

# Above this no tower or field holds that many balls; a larger figure is a slip of the finger.
MAX_BALLS = 100_000
MAX_REASON = 500
OUTCOMES = ("disqualified", "not_started", "not_admitted", "void", "aborted")


@dataclass(frozen=True)
class Step:
    """One checkpoint of a division's ladder: its points and the rule they rest on."""

    item: str
    points: int
    rule: str


@dataclass(frozen=True)
class Ruleset:
    """A run challenge's rules for every division, with the parameters of the day already laid over."""

    challenge: str
    version: str
    ladders: Mapping[str, tuple[Step, ...]]
    mission_total: int
    parameters: Mapping[str, int | str]
    targets: Mapping[str, int]
    bonus_rule: str
    tower_rule: str
    seconds: int
    unconfirmed: tuple[str, ...] = ()

    @property
    def divisions(self) -> tuple[str, ...]:
        return tuple(self.ladders)

    def target(self, division: str) -> int:
        """The balls asked for in a division today: the parameter of the day, else the rule file's figure."""
        laid_over = self.parameters.get("target")
        return int(laid_over) if laid_over is not None else self.targets[division]


@dataclass(frozen=True)
class Line:
    item: str
    rule: str
    points: int


@dataclass(frozen=True)
class Breakdown:
    """The score of one sheet. `points` is the sum of `lines`; statuses other than `scored` carry 0."""

    status: str
    lines: tuple[Line, ...] = field(default=())

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines)

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "points": self.points,
            "breakdown": [{"item": x.item, "rule": x.rule, "points": x.points} for x in self.lines],
        }


def target_bonus(balls: int, target: int) -> int:
    """Points for `balls` brought when `target` was asked (3.1): n up to T, then 2T - n, never below 0."""
    return max(0, balls if balls <= target else 2 * target - balls)


def score(sheet: Any, ruleset: Ruleset, division: str) -> Breakdown:
    """Score a Line Following sheet. Raises RuleViolation when the sheet does not fit the rule set.

    The checkpoints must be the division's ladder from its start, without gaps: a robot cannot pass the second
    intersection before the first. Balls count only when the whole ladder is done (mission 2 follows mission 1).
    """
    if division not in ruleset.ladders:
        raise RuleViolation(
            "unknown_division", f"division: expected one of {' '.join(ruleset.divisions)}, got {shown(division)}"
        )
    ladder = ruleset.ladders[division]
    if not isinstance(sheet, dict):
        raise RuleViolation("not_an_object", f"sheet: expected a JSON object, got {shown(sheet)}")
    _only_known_fields(sheet)
    reached = _checkpoints(sheet.get("checkpoints", []), ladder, division)
    balls = _balls(sheet.get("bonus_balls", 0))
    touched = sheet.get("tower_touched", False)
    if not isinstance(touched, bool):
        raise RuleViolation("wrong_type", f"tower_touched: expected true or false, got {shown(touched)}")
    if balls and len(reached) < len(ladder):
        raise RuleViolation(
            "impossible_order",
            f"bonus_balls: expected 0 because mission 1 is not complete (last checkpoint "
            f"{reached[-1].item if reached else 'none'}), got {balls}",
        )
    outcome = _outcome(sheet)
    if outcome is not None:
        return Breakdown(outcome)
    lines = [Line(step.item, step.rule, step.points) for step in reached]
    if touched:
        return _tower_touched(ruleset, lines)
    if len(reached) == len(ladder):
        lines.append(Line("bonus_balls", ruleset.bonus_rule, target_bonus(balls, ruleset.target(division))))
    points = sum(line.points for line in lines)
    return Breakdown("scored" if points else "zero", tuple(lines))


def _tower_touched(ruleset: Ruleset, lines: list[Line]) -> Breakdown:
    """The run ends and counts the mission's total, whatever was delivered; the last line makes up the difference."""
    difference = ruleset.mission_total - sum(line.points for line in lines)
    return Breakdown("scored", (*lines, Line("tower_touched", ruleset.tower_rule, difference)))


def _only_known_fields(sheet: dict[str, Any]) -> None:
    known = ("checkpoints", "bonus_balls", "tower_touched", "outcome", "reason")
    for name in sheet:
        if name not in known:
            raise RuleViolation("unknown_field", f"sheet: expected only {' '.join(known)}, got field {shown(name)}")


def _checkpoints(value: Any, ladder: tuple[Step, ...], division: str) -> tuple[Step, ...]:
    if not isinstance(value, list):
        raise RuleViolation("wrong_type", f"checkpoints: expected a list, got {shown(value)}")
    names = [step.item for step in ladder]
    for place, item in enumerate(value):
        if item not in names:
            raise RuleViolation(
                "unknown_checkpoint",
                f"checkpoints[{place}]: expected one of {' '.join(names)} (division {division}), got {shown(item)}",
            )
        if names[place] != item if place < len(names) else True:
            expected = names[place] if place < len(names) else "nothing more"
            raise RuleViolation(
                "impossible_order", f"checkpoints[{place}]: expected {expected} (order of the field), got {shown(item)}"
            )
    return ladder[: len(value)]


def _balls(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleViolation("wrong_type", f"bonus_balls: expected a whole number, got {shown(value)}")
    if not 0 <= value <= MAX_BALLS:
        raise RuleViolation("out_of_range", f"bonus_balls: expected 0 to {MAX_BALLS}, got {shown(value)}")
    return value


def _outcome(sheet: dict[str, Any]) -> str | None:
    outcome, reason = sheet.get("outcome"), sheet.get("reason")
    if reason is not None and (not isinstance(reason, str) or len(reason) > MAX_REASON):
        raise RuleViolation(
            "wrong_type", f"reason: expected a text of at most {MAX_REASON} characters, got {shown(reason)}"
        )
    if outcome is None:
        return None
    if outcome not in OUTCOMES:
        raise RuleViolation("unknown_outcome", f"outcome: expected one of {' '.join(OUTCOMES)}, got {shown(outcome)}")
    return str(outcome)
