"""Hidden tests of D01: other years, other tables, other order of rows, and exactly half.

Each returns the points of its cell: all of them, or one less with the hint shown.
"""

from pandas import DataFrame

from kaga_hidden.points import partial
from robokit.hint import Hint
from robokit.learner import need
from robokit.lessons.d01 import number, table

Years = dict[int, int]


def change() -> int:
    """The right value for this table, other years, shuffled rows and another table."""
    return partial(2, lambda: _change(need("change_pct")))


def half() -> int:
    """The first year of at most half, whatever the order of rows and the base year."""
    return partial(2, lambda: _half(need("half_year")))


def _change(function) -> None:
    frame = table()
    value = number("change_pct", function, frame, 2015, 2040)
    if abs(value - 100 * (53202 - 67186) / 53202) < 0.05:
        raise Hint("d01_base")
    if abs(value + 20.81) > 0.05:
        raise Hint("d01_constant")
    if abs(number("change_pct", function, frame.iloc[::-1], 2015, 2040) - value) > 1e-6:
        raise Hint("d01_row_order")
    other = _frame({2001: 400, 2011: 500, 2021: 300})
    cases = ((frame, 2020, 2030, -8.55), (other, 2001, 2011, 25.0), (other, 2011, 2021, -40.0))
    for data, first, last, wanted in cases:
        if abs(number("change_pct", function, data, first, last) - wanted) > 0.05:
            raise Hint("d01_constant")


def _half(function) -> None:
    falling = {2000: 1000, 2010: 800, 2020: 490, 2030: 400}
    _expect(function, falling, 2000, 2020, "d01_half_late")
    _expect(function, {2000: 1000, 2010: 500, 2020: 450}, 2000, 2010, "d01_half_equal")
    _expect(function, {2030: 400, 2000: 1000, 2020: 490, 2010: 800}, 2000, 2020, "d01_half_sorted")
    _expect(function, {2000: 1000, 2010: 800, 2020: 450, 2030: 390}, 2010, 2030, "d01_half_base")
    _expect(function, {1950: 300, 2000: 1000, 2010: 700, 2020: 480}, 2000, 2020, "d01_half_past")


def _expect(function, years: Years, base: int, wanted: int, hint: str) -> None:
    if number("half_year", function, _frame(years), base) != wanted:
        raise Hint(hint)


def _frame(years: Years) -> DataFrame:
    return DataFrame({"year": list(years), "pop": list(years.values()), "kind": "toy", "source": "toy"})
