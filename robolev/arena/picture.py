"""A run drawn on its field, as SVG."""

from robolev.arena.robot import RobotModel
from robolev.arena.simulate import Run

_SCALE = 500  # drawing units a metre
_MARGIN_M = 0.12
# Ink of the line, purple of a robot's trace, green of the place where it stands: the identity's values.
_LINE, _TRACE, _END = "#1d2433", "#6b4aa0", "#1f7a4d"


def draw(run: Run, title: str) -> str:
    """An SVG of the field (line in ink) with the robot's path (dashed: a simulation is not on record)."""
    field, model = run.field, RobotModel()
    half_w = field.straight / 2 + field.radius + _MARGIN_M
    half_h = field.radius + _MARGIN_M
    width, height = round(2 * half_w * _SCALE), round(2 * half_h * _SCALE)

    def at(x: float, y: float) -> str:
        return f"{(x + half_w) * _SCALE:.1f},{(half_h - y) * _SCALE:.1f}"

    # Far off the field nothing can be seen; a path there would only make the file large.
    near = [s for s in run.samples if abs(s.x) < half_w and abs(s.y) < half_h]
    path = " ".join(at(s.x, s.y) for s in near)
    last = near[-1] if near else None
    end = f'<circle cx="{at(last.x, last.y).split(",")[0]}" cy="{at(last.x, last.y).split(",")[1]}"' if last else ""
    mark = (
        f'{end} r="{model.wheel_distance / 2 * _SCALE:.0f}" fill="none" stroke="{_END}" stroke-width="4"/>'
        if end
        else ""
    )
    r = field.radius * _SCALE
    corner = at(-field.straight / 2 - field.radius, field.radius).split(",")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{_escaped(title)}</title>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<rect x="{corner[0]}" y="{corner[1]}" width="{(field.straight + 2 * field.radius) * _SCALE:.1f}" '
        f'height="{2 * r:.1f}" rx="{r:.1f}" fill="none" stroke="{_LINE}" '
        f'stroke-width="{field.line_width * _SCALE:.2f}"/>'
        f'<polyline points="{path}" fill="none" stroke="{_TRACE}" stroke-width="2.5" stroke-dasharray="7 4"/>'
        f"{mark}</svg>\n"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
