"""A drive drawn on its field, with words for those who do not see the picture."""

from dataclasses import dataclass
from html import escape

from robokit.driving import Ride
from robokit.hint import words
from robolev.arena.picture import draw

STRIP_S = 4


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


def steering(ride: Ride) -> str:
    """An SVG of how the robot steers in its first STRIP_S seconds: up is left, down is right."""
    (up, _), (down, _), (time, _) = (words(f"steering_{name}", seconds=STRIP_S) for name in ("left", "right", "time"))
    ms, middle, high = STRIP_S * 1000, 60, 44
    points = [
        f"{60 + 560 * sample.t_ms / ms:.1f},{middle - high * max(-1.0, min(1.0, sample.right - sample.left)):.1f}"
        for sample in ride.trace.samples
        if sample.t_ms <= ms
    ]
    title = escape(" / ".join(words("steering", seconds=STRIP_S)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 140" role="img"><title>{title}</title>'
        '<rect width="640" height="140" fill="#fff"/><path d="M60 60H620M60 12V108" stroke="#1d2433" fill="none"/>'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#6b4aa0" stroke-width="2"/>'
        f'<g font-size="14" fill="#1d2433"><text x="8" y="24">{up}</text><text x="8" y="108">{down}</text>'
        f'<text x="60" y="130">{time}</text></g></svg>'
    )


def show(ride: Ride) -> Picture:
    """The trace of a drive on the field, its steering in the first seconds, and its three numbers."""
    numbers = {"wobble": ride.wobble, "max_error": ride.max_error, "lap": "-" if ride.lap is None else ride.lap}
    ja, en = words("ride_numbers", **numbers)
    alt = " / ".join(words("ride_picture" if ride.lap is not None else "ride_picture_no_lap", **numbers))
    return Picture(draw(ride.trace, alt) + steering(ride), alt, f"{ja} / {en}")
