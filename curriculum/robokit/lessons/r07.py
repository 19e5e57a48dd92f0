"""Checks of lesson R07 (P control). Each raises a hint, the cause before the symptom; none knows the answer."""

from robokit.driving import ON_THE_LINE_CM, Ride, answer, drive, turn
from robokit.hint import Hint
from robokit.learner import need, program

SMOOTH = 5.0
NOISE = 0.03
LINES = {
    "A": "    return BASE - KP * error, BASE + KP * error",
    "B": "def step(left, right):",
    "C": "    error = left + right",
    "D": "    error = left - right",
}
ON_OFF = """MAGARI = {magari!r}


def step(left, right):
    if left > right:
        return 0.4 - MAGARI, 0.4 + MAGARI
    return 0.4 + MAGARI, 0.4 - MAGARI
"""


def yosou() -> None:
    """Any of the three predictions counts: a guess is not right or wrong."""
    if need("yosou") not in ("A", "B", "C"):
        raise Hint("r07_choose")


def shiraberu() -> None:
    """`wobble` is what the learner's own `MAGARI` gives."""
    magari, wobble = need("MAGARI"), need("wobble")
    if isinstance(magari, bool) or not isinstance(magari, (int, float)) or not 0 < magari <= 0.5:
        raise Hint("r07_magari")
    if magari == 0.1:
        raise Hint("r07_magari_same")
    if isinstance(wobble, bool) or not isinstance(wobble, (int, float)):
        raise Hint("r07_wobble")
    if abs(wobble - drive(ON_OFF.format(magari=float(magari)), noise=NOISE).wobble) > 0.5:
        raise Hint("r07_wobble_other")


def narabe() -> None:
    """The ordered lines, put together and driven: every order that goes round counts."""
    order = need("order")
    letters = list(order) if isinstance(order, (list, tuple, str)) else []
    if not letters or not all(letter in LINES for letter in letters):
        raise Hint("r07_letters")
    if len(set(letters)) < len(letters):
        raise Hint("r07_twice")
    if letters[0] != "B":
        raise Hint("r07_def_first")
    if letters[-1] != "A":
        raise Hint("r07_last")
    if len(letters) < 3:
        raise Hint("r07_no_error")
    if letters[-2] == "C":
        raise Hint("r07_distractor")
    on_the_line(drive("\n".join(["KP = 0.25", "BASE = 0.4", *(LINES[letter] for letter in letters)])))


def shape() -> None:
    """`step` answers with two motor values, equal in the middle of the line and within -1 to 1 there."""
    left, right = answer(program(need("step")), 0.5, 0.5)
    if abs(left - right) > 1e-4:
        raise Hint("r07_middle_uneven")
    if abs(left) > 1:
        raise Hint("r07_base_range", value=left)


def sign() -> None:
    """The robot turns to the eye that sees more black."""
    text = program(need("step"))
    to_left, to_right = turn(answer(text, 0.8, 0.2)), turn(answer(text, 0.2, 0.8))
    if abs(to_left) < 1e-4 and abs(to_right) < 1e-4:
        raise Hint("r07_unused")
    if to_left <= 0 or to_right >= 0:
        raise Hint("r07_sign")


def lap() -> None:
    """One smooth lap within 40 seconds on the line."""
    on_the_line(drive(program(need("step"))))


def on_the_line(ride: Ride, smooth: float = SMOOTH, wobbles: str = "r07_wobbles", off: str = "r07_off") -> None:
    """A hint when a ride of 40 seconds is not smooth, leaves the line or has no lap: in this order, cause first."""
    if ride.wobble > smooth:
        raise Hint(wobbles, wobble=ride.wobble)
    if ride.max_error >= ON_THE_LINE_CM:
        raise Hint(off, max_error=ride.max_error)
    if ride.lap is None:
        raise Hint("r07_slow")
