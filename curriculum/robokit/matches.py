"""The learner's own matches, asked from the scoring server with the learner's own sign-in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from robokit.hint import Hint, words

if TYPE_CHECKING:
    from pandas import DataFrame

RUNS = ["run", "team", "division", "field", "state", "points", "started_at_ms", "kind", "rules_version"]
TELEMETRY = ["t_ms", "x_mm", "y_mm", "heading_deg", "left", "right", "s_left", "s_right", "state", "event"]
TIMEOUT_S = 10
# A three-minute run at 50 lines a second is about 1 MB.
MAX_BYTES = 20_000_000
_REFUSED = {"bad_token": "sign_in_again", "no_access": "sign_in_again", "not_your_team": "not_your_team"}
_REFUSED |= {"unknown_run": "no_such_run"}


def my_runs() -> DataFrame:
    """The runs of the learner's own team, newest first: one line a run, columns RUNS."""
    from pandas import DataFrame

    found = _get("my/runs")
    if not isinstance(found, list) or not all(isinstance(line, dict) for line in found):
        raise Hint("server_answer")
    return DataFrame([[line.get(name) for name in RUNS] for line in found], columns=RUNS)


def telemetry(run: str) -> DataFrame:
    """What the robot sent in one run of the learner's own team: columns TELEMETRY (milliseconds, millimetres, degrees,
    motors -1 to 1, eyes 0 to 1), then match_id, team, rules_version and kind (sim or robot), equal in all lines."""
    from pandas import DataFrame

    found = _get(f"my/runs/{quote(str(run), safe='')}/telemetry")
    if not isinstance(found, dict) or not set(TELEMETRY) <= set(found.get("columns") or []):
        raise Hint("server_answer")
    try:
        table = DataFrame(found["rows"], columns=found["columns"])[TELEMETRY]
    except (KeyError, ValueError, TypeError):
        raise Hint("server_answer") from None
    return table.assign(
        match_id=found.get("run"),
        team=found.get("team"),
        rules_version=found.get("rules_version"),
        kind=found.get("kind"),
    )


def show_telemetry(table: DataFrame) -> Any:
    """The eyes and motors of a run over time, as a figure with words."""
    from robokit.charts import Chart, new_figure

    if not {"t_ms", "s_left", "s_right", "left", "right"} <= set(table.columns):
        raise Hint("not_telemetry")
    texts = {name: " / ".join(words(f"telemetry_{name}")) for name in ("title", "time", "eyes", "motors")}
    seconds = table["t_ms"] / 1000
    figure, (eyes, motors) = new_figure(rows=2)
    for axis, names, label in ((eyes, ("s_left", "s_right"), "eyes"), (motors, ("left", "right"), "motors")):
        for name, style in zip(names, ("-", "--"), strict=True):
            axis.plot(seconds, table[name].astype(float), style, label=name)
        axis.set_ylabel(texts[label])
        axis.legend(loc="upper right")
    eyes.set_title(texts["title"])
    motors.set_xlabel(texts["time"])
    last = 0.0 if table.empty else float(seconds.iloc[-1])
    return Chart(figure, " / ".join(words("telemetry_alt", rows=len(table), seconds=round(last, 1))))


def _get(path: str) -> Any:
    server, token = os.environ.get("KAGA_ROBOLEV_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    if not server or not token:
        raise Hint("no_server")
    request = Request(f"{server.rstrip('/')}/api/{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            body = answer.read(MAX_BYTES + 1)
    except HTTPError as refused:
        raise Hint(_REFUSED.get(_code(refused), "server_down")) from None
    except (URLError, OSError):
        raise Hint("server_down") from None
    if len(body) > MAX_BYTES:
        raise Hint("server_answer")
    try:
        return json.loads(body)
    except ValueError:
        raise Hint("server_answer") from None


def _code(refused: HTTPError) -> str:
    """The server's own word for a refusal."""
    with refused:
        try:
            return str(json.loads(refused.read(10_000))["code"])
        except (OSError, ValueError, TypeError, KeyError):
            return ""
