"""Hidden tests of R07: other seeds, noise and unequal motors, as the lesson's text announces them.

Each returns the points of its cell: all of them, or one less with the hint shown.
"""

from kaga_hidden.points import partial
from robokit.driving import answer, drive, turn
from robokit.hint import Hint
from robokit.learner import need, program
from robokit.lessons.r07 import NOISE, on_the_line

NOISY_SMOOTH = 15.0


def sign() -> int:
    """The turn grows with the error, and is as hard to the left as to the right."""
    text = program(need("step"))
    return partial(2, lambda: _sign(text))


def lap() -> int:
    """A lap with noisy eyes from 1 cm beside the line, and with one motor at 93 %."""
    text = program(need("step"))
    return partial(2, lambda: _lap(text))


def _sign(text: str) -> None:
    small, large = turn(answer(text, 0.55, 0.45)), turn(answer(text, 0.9, 0.1))
    if small > 0.75 * large:
        raise Hint("r07_small")
    if abs(large + turn(answer(text, 0.1, 0.9))) > 1e-4 + 0.02 * abs(large):
        raise Hint("r07_uneven")


def _lap(text: str) -> None:
    noisy = drive(text, seed=7, noise=NOISE, offset=1.0)
    on_the_line(noisy, NOISY_SMOOTH, "r07_noisy_wobbles", "r07_noisy_off")
    crooked = drive(text, seed=8, gain=(1.0, 0.93))
    if crooked.lap is None and crooked.max_error < 5:
        raise Hint("r07_crooked_slow")
    on_the_line(crooked, NOISY_SMOOTH, "r07_wobbles", "r07_crooked_off")
