"""Standings from run scores: the best N of at most M, a named tie-break chain, ties kept as ties."""

from typing import Any

from robolev.domain.errors import RuleViolation, shown

TIE_BREAKS = ("best_single", "next_best")
MAX_TEAMS = 10_000
MAX_RUNS = 10_000
MAX_SCORE = 10**9


def standings(table: Any) -> dict[str, Any]:
    """Rank the teams of a table `{"best", "of", "lower_is_better", "tie_break", "runs": {team: [points]}}`.

    A missing run counts 0 when more is better (LF-16). Where lower is better, a team with fewer than `best` runs ranks
    after those that have them. Equal teams share a rank (1, 2, 2, 4) and are listed in the order of their ids,
    which is no rank. Raises RuleViolation for a table that does not fit, and for a run above the limit (LF-17).
    """
    best, of, lower, chain, runs = _checked(table)
    rows = [_row(team, scores, best, lower, chain) for team, scores in runs.items()]
    rows.sort(key=lambda row: (row["key"], row["team"]))
    ranked, rank = [], 0
    for place, row in enumerate(rows, 1):
        if place == 1 or row["key"] != rows[place - 2]["key"]:
            rank = place
        ranked.append({"rank": rank, "team": row["team"], "total": row["total"], "counted": row["counted"]})
    return {"standings": ranked}


def _row(team: str, scores: list[float], best: int, lower: bool, chain: list[str]) -> dict[str, Any]:
    ordered = sorted(scores, reverse=not lower)
    counted = ordered[:best]
    total = sum(counted)
    sign = 1 if lower else -1
    missing = float("inf") if lower else 0
    key: list[Any] = [best - len(counted) if lower else 0, sign * total]
    for criterion in chain:
        if criterion == "best_single":
            key.append(sign * ordered[0] if ordered else missing)
        else:
            key.extend(sign * value for value in counted[1:])
            key.extend([missing] * (best - max(1, len(counted))))
    return {"team": team, "total": total, "counted": counted, "key": key}


def _checked(table: Any) -> tuple[int, int | None, bool, list[str], dict[str, list[float]]]:
    if not isinstance(table, dict):
        raise RuleViolation("not_an_object", f"table: expected a JSON object, got {shown(table)}")
    for name in table:
        if name not in ("best", "of", "lower_is_better", "tie_break", "runs"):
            raise RuleViolation(
                "unknown_field", f"table: expected best of lower_is_better tie_break runs, got {shown(name)}"
            )
    best, of = table.get("best"), table.get("of")
    if isinstance(best, bool) or not isinstance(best, int) or not 1 <= best <= MAX_RUNS:
        raise RuleViolation("out_of_range", f"best: expected a whole number 1 to {MAX_RUNS}, got {shown(best)}")
    if of is not None and (isinstance(of, bool) or not isinstance(of, int) or not best <= of <= MAX_RUNS):
        raise RuleViolation(
            "out_of_range", f"of: expected null or a whole number {best} to {MAX_RUNS}, got {shown(of)}"
        )
    lower = table.get("lower_is_better", False)
    if not isinstance(lower, bool):
        raise RuleViolation("wrong_type", f"lower_is_better: expected true or false, got {shown(lower)}")
    chain = table.get("tie_break", [])
    if not isinstance(chain, list) or any(x not in TIE_BREAKS for x in chain):
        raise RuleViolation(
            "unknown_tie_break", f"tie_break: expected a list of {' '.join(TIE_BREAKS)}, got {shown(chain)}"
        )
    runs = table.get("runs")
    if not isinstance(runs, dict) or len(runs) > MAX_TEAMS:
        raise RuleViolation("wrong_type", f"runs: expected an object of at most {MAX_TEAMS} teams, got {shown(runs)}")
    for team, scores in runs.items():
        _check_scores(team, scores, of)
    return best, of, lower, chain, runs


def _check_scores(team: str, scores: Any, of: int | None) -> None:
    if not isinstance(scores, list):
        raise RuleViolation("wrong_type", f"runs[{shown(team)}]: expected a list of points, got {shown(scores)}")
    limit = MAX_RUNS if of is None else of
    if len(scores) > limit:
        raise RuleViolation(
            "too_many_runs",
            f"runs[{shown(team)}]: expected at most {limit} runs, got {len(scores)}; refuse run {limit + 1}",
        )
    for place, value in enumerate(scores):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not -MAX_SCORE <= value <= MAX_SCORE:
            raise RuleViolation("wrong_type", f"runs[{shown(team)}][{place}]: expected a number, got {shown(value)}")
