"""Partial points: a hidden test that finds something shows its hint and takes one point."""

from collections.abc import Callable

from robokit.hint import Hint


def partial(points: int, check: Callable[[], None]) -> int:
    """`points`, or one less when `check` raises a hint, which is shown."""
    from IPython.display import display

    try:
        check()
    except Hint as hint:
        display(hint)
        return points - 1
    return points
