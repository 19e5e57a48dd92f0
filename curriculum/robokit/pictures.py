"""A drive drawn on its field, with words for those who do not see the picture."""

from dataclasses import dataclass
from html import escape

from robokit.driving import Ride
from robokit.hint import words
from robolev.arena.picture import draw


@dataclass(frozen=True)
class Picture:
    """A drawing that a notebook shows; where there are only words (braille, a feedback page), `alt` stands for it."""

    svg: str
    alt: str
    caption: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        below = f"<figcaption>{escape(self.caption)}</figcaption>"
        return {
            "text/html": f'<figure style="max-width:640px;margin:0">{self.svg}{below}</figure>',
            "text/plain": self.alt,
        }


def show(ride: Ride) -> Picture:
    """The trace of a drive on the field, and its three numbers."""
    numbers = {"wobble": ride.wobble, "max_error": ride.max_error, "lap": "-" if ride.lap is None else ride.lap}
    ja, en = words("ride_numbers", **numbers)
    alt = " / ".join(words("ride_picture" if ride.lap is not None else "ride_picture_no_lap", **numbers))
    return Picture(draw(ride.trace, alt), alt, f"{ja} / {en}")
