"""Simulated seconds per second, beside the limit of 100."""

import json
import sys
import time
from pathlib import Path

from robolev.arena.simulate import simulate

LIMIT = 100
ROUNDS = 5
PROGRAM = Path(__file__).parents[2] / "firmware" / "programs" / "line_following.py"


def main() -> None:
    text, ratios = PROGRAM.read_text(encoding="utf-8"), []
    for seed in range(ROUNDS):
        began = time.perf_counter()
        simulate(text, seconds=40, seed=seed)
        ratios.append(40 / (time.perf_counter() - began))
    ratios.sort()
    middle = ratios[ROUNDS // 2]
    if "--json" in sys.argv:
        figures = {"median": round(middle, 1), "least": round(ratios[0], 1), "most": round(ratios[-1], 1)}
        print(
            json.dumps({"bench": "simulated s per s", "samples": ROUNDS, **figures, "ratio": round(middle / LIMIT, 2)})
        )
        return
    print(
        f"simulator: {middle:.0f} simulated s per s (median of {ROUNDS}, {ratios[0]:.0f} to {ratios[-1]:.0f})", end=""
    )
    print(f", {middle / LIMIT:.2f} of the limit {LIMIT}")


if __name__ == "__main__":
    main()
