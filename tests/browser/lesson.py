"""Lesson R07 as a good pupil answers it, cell by cell."""

HERE = "YOUR CODE HERE"
PROGRAM = """\
KP = 0.25
BASE = 0.4


def step(left, right):
    error = left - right
    return BASE - KP * error, BASE + KP * error
"""
STRONGER = """\
MAGARI = 0.3


def onoff2(left, right):
    if left > right:
        return 0.4 - MAGARI, 0.4 + MAGARI
    return 0.4 + MAGARI, 0.4 - MAGARI
"""
TABLE = """\
KP = 0.5
for error in [0.8, 0.2, -0.2]:
    turn = KP * error
    print("error", error, "→ turn", turn)
"""
WHY = "KP を 2 倍にすると wobble が 2.5 から 5 にふえた。同じずれで 2 倍曲がるから。"
# What a cell contains, and what is typed into it, in the order of the notebook.
ANSWERS = [
    (HERE, 'yosou = "B"'),
    ("MAGARI = 0.1", STRONGER),
    (HERE, "wobble = 34.2"),
    (HERE, 'order = ["B", "D", "A"]'),
    (HERE, TABLE),
    (HERE, PROGRAM),
    ("YOUR ANSWER HERE", WHY),
]
LAST = "my_runs"
