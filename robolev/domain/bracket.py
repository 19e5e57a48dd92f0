"""Single-elimination brackets: who meets whom, and where each later place comes from."""

from typing import Any

from robolev.domain.errors import RuleViolation, shown

ORDERS = ("roborave", "standard")
MAX_ENTRANTS = 1024
Pair = list[Any]


def bracket(entrants: int, order: str = "roborave") -> dict[str, Any]:
    """The bracket of `entrants` seeds, filled with byes to the next power of two; the top seeds get the byes.

    `standard` lists the halves as 1-8, 4-5, 2-7, 3-6; `roborave` lists the second half as 3-6, 2-7 (rules 2.4).
    Who can meet whom is the same; the order of the sheet differs.
    """
    if isinstance(entrants, bool) or not isinstance(entrants, int) or not 2 <= entrants <= MAX_ENTRANTS:
        raise RuleViolation(
            "out_of_range", f"entrants: expected a whole number 2 to {MAX_ENTRANTS}, got {shown(entrants)}"
        )
    if order not in ORDERS:
        raise RuleViolation("unknown_order", f"order: expected one of {' '.join(ORDERS)}, got {shown(order)}")
    size = 2
    while size < entrants:
        size *= 2
    seeds = _seeds(size)
    pairs: list[Pair] = [[seeds[i], seeds[i + 1]] for i in range(0, size, 2)]
    if order == "roborave" and len(pairs) >= 4:
        half = len(pairs) // 2
        pairs = pairs[:half] + pairs[half:][::-1]
    rounds = [[[seed if seed <= entrants else "BYE" for seed in pair] for pair in pairs]]
    first = 1
    while len(rounds[-1]) > 1:
        count = len(rounds[-1])
        rounds.append([[f"W{first + i}", f"W{first + i + 1}"] for i in range(0, count, 2)])
        first += count
    return {"size": size, "rounds": rounds}


def _seeds(size: int) -> list[int]:
    """Seeds in bracket order, such that 1 and 2 can only meet in the last round."""
    seeds = [1]
    while len(seeds) < size:
        seeds = [s for seed in seeds for s in (seed, 2 * len(seeds) + 1 - seed)]
    return seeds
