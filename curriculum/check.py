"""All gates of a lesson, in the order in which a mistake is cheapest to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curriculum import text_gates, trial_gates
from curriculum.lessons import Lesson

Gate = Callable[[Lesson], Iterator[str]]
TEXT: tuple[Gate, ...] = (
    text_gates.in_step,
    text_gates.both_languages,
    text_gates.readings,
    text_gates.style,
    text_gates.code,
    text_gates.stripped,
    text_gates.labelled,
    text_gates.catalogued,
)
TRIALS: tuple[Gate, ...] = (
    trial_gates.solution,
    trial_gates.untouched,
    trial_gates.kept_secret,
    trial_gates.mutants,
    trial_gates.coverage,
    trial_gates.variants,
    trial_gates.deterministic,
    trial_gates.drawn,
)


@dataclass(frozen=True)
class Problem:
    """Why a lesson is not finished."""

    lesson: str
    gate: str
    reason: str

    def __str__(self) -> str:
        return f"{self.lesson}: {self.gate}: {self.reason}"


def problems(lesson: Lesson, gates: tuple[Gate, ...] = TEXT + TRIALS) -> list[Problem]:
    """What the gates find in one lesson."""
    return [Problem(lesson.id, gate.__name__, reason) for gate in gates for reason in gate(lesson)]


def common_problems() -> list[Problem]:
    """What is wrong with the messages and the catalogue as a whole."""
    gates = (text_gates.sentences, text_gates.nothing_unlisted)
    return [Problem("all", gate.__name__, reason) for gate in gates for reason in gate()]
