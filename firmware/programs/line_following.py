"""Follow a line: the further from it, the harder the turn (P control)."""

KP = 0.25
BASE = 0.4


def step(left, right):
    error = left - right
    return BASE - KP * error, BASE + KP * error
