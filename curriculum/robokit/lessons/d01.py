"""Checks of lesson D01 (checking a claim with data). Each raises a hint, the cause before the symptom."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robokit.hint import Hint
from robokit.learner import need, shown

if TYPE_CHECKING:
    from pandas import DataFrame

STEPS = "ABCDEFG"


def table() -> DataFrame:
    """The lesson's data, read again: the learner's own frame may have been changed."""
    from pandas import read_csv

    return read_csv("kaga_population.csv")


def yosou() -> None:
    """Any guess of 0 to 100 percent counts."""
    value = need("yosou")
    if not _is_number(value) or not 0 <= value <= 100:
        raise Hint("d01_yosou")


def narabe() -> None:
    """Every order counts in which each step has what it needs before it."""
    order = need("order")
    letters = "".join(map(str, order)) if isinstance(order, (list, tuple, str)) else ""
    if sorted(letters) != list(STEPS):
        raise Hint("d01_letters")
    at = letters.index
    if at("C") != 0:
        raise Hint("d01_claim_first")
    if at("F") != 6:
        raise Hint("d01_limits_last")
    if at("A") < max(at("B"), at("E"), at("G")):
        raise Hint("d01_compute_late")
    if at("D") < at("A"):
        raise Hint("d01_compare_late")


def change() -> None:
    """`change_pct` returns a negative number in percent for a falling population."""
    value = number("change_pct", need("change_pct"), table(), 2015, 2040)
    if 0.5 < value < 1 or 50 < value < 100:
        raise Hint("d01_ratio")
    if value >= 0:
        raise Hint("d01_sign")
    if value > -1:
        raise Hint("d01_percent")


def half() -> None:
    """`half_year` finds a year in the smallest table that halves, and knows that ours never does."""
    from pandas import DataFrame

    function = need("half_year")
    number("half_year", function, DataFrame({"year": [1, 2], "pop": [10, 4]}), 1)
    if call("half_year", function, table(), 2015) is not None:
        raise Hint("d01_half_none")


def base() -> None:
    """`kijun` is the base year from which the fall until 2040 looks largest."""
    kijun, frame = need("kijun"), table()
    people = dict(zip(frame["year"], frame["pop"], strict=True))
    before = {year: pop for year, pop in people.items() if year < 2040}
    if not _is_number(kijun) or kijun not in before:
        raise Hint("d01_base_year")
    if before[kijun] < max(before.values()):
        raise Hint("d01_base_larger")


def women() -> None:
    """`josei_pct` and `gaitou` follow the definition: women aged 20 to 39, a fall of 50 % or more."""
    from pandas import read_csv

    pct, applies = need("josei_pct"), need("gaitou")
    frame = read_csv("women_synthetic.csv")
    young = frame[frame["age"] == "20-39"].groupby("year")["women"].sum()
    everyone = frame.groupby("year")["women"].sum()
    wanted, total = (100 * (sums[2040] - sums[2010]) / sums[2010] for sums in (young, everyone))
    if not _is_number(pct):
        raise Hint("d01_women_pct")
    if abs(abs(pct) - abs(total)) < 0.1:
        raise Hint("d01_women_total")
    if abs(pct + wanted) < 0.1:
        raise Hint("d01_women_sign")
    if abs(pct - wanted) > 0.1:
        raise Hint("d01_women_other")
    if str(applies) not in ("True", "False"):
        raise Hint("d01_women_bool")
    if bool(applies) != (wanted <= -50):
        raise Hint("d01_women_defined")


def call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the learner's function returns, or a hint when it fails."""
    try:
        return function(*arguments)
    except Exception as error:
        raise Hint("d01_error", name=name, error=type(error).__name__) from None


def number(name: str, function: Callable[..., Any], *arguments: Any) -> float:
    """The number that the learner's function returns, or a hint when it is none."""
    value = call(name, function, *arguments)
    if value is None:
        raise Hint("d01_no_return", name=name)
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()  # one number in a pandas or numpy wrapping
    if not _is_number(value):
        raise Hint("d01_number", name=name, got=shown(value))
    return float(value)


def _is_number(value: object) -> bool:
    import numbers

    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
