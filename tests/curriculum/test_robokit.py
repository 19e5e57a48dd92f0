"""robokit as a learner meets it: kind sentences instead of tracebacks, the cell as the program, one's own matches."""

import json
import linecache
import threading
import warnings
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from IPython.core.interactiveshell import InteractiveShell

import robokit
from robokit import Hint, driving, learner, matches
from robokit.hint import words
from robolev.arena import box

GOOD = "KP = 0.25\nBASE = 0.4\n\n\ndef step(left, right):\n    error = left - right\n"
GOOD += "    return BASE - KP * error, BASE + KP * error\n"


@pytest.fixture
def cell():
    """Runs cells as a notebook does; gives what the last one defined under a name."""
    shell = InteractiveShell.instance()
    shell.reset(new_session=False)

    def run_cell(text: str, name: str = "step"):
        shell.run_cell(text, store_history=True)
        return shell.user_ns.get(name)

    yield run_cell
    InteractiveShell.clear_instance()


def hint(name: str, act, *arguments, **more) -> Hint:
    with pytest.raises(Hint) as given:
        act(*arguments, **more)
    assert given.value.name == name, given.value
    return given.value


def test_the_whole_cell_is_the_program(cell):
    step = cell("# 日本語\n" + GOOD)
    assert robokit.program(step) == "# 日本語\n" + GOOD
    ride = robokit.run(step)
    assert (ride.lap, ride.wobble < 1, ride.max_error < 1) == (22.4, True, True)
    other = cell(GOOD.replace("def step", "def hashiru"), "hashiru")
    assert robokit.program(other).endswith("\nstep = hashiru\n") and robokit.run(other) == ride


def test_same_seed_same_ride(cell):
    step = cell(GOOD)
    first, again, other = (robokit.run(step, 10, seed, noise=0.03, offset=1, gain=(1, 0.93)) for seed in (1, 1, 2))
    assert first.trace.digest == again.trace.digest != other.trace.digest


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("pass", "no_return"),
        ("return 0.4", "two_numbers"),
        ("return 0.4, float('nan')", "not_a_number"),
        ("return 0.4, '0.4'", "not_a_number"),
        ("while True: pass", "endless"),
        ("return step(left, right)", "endless"),
        ("return speed, speed", "unknown_name"),
        ("import pandas", "no_module"),
        ("return 1 / 0, 1", "divided_by_zero"),
        ("bytearray(10**9)", "too_big"),
        ("raise SystemExit", "ended_early"),
        ("return [][3], 0", "crashed"),
        ("import time; time.sleep(1)", "no_waiting"),
        ("input()", "no_waiting"),
        ("match left:\n        case _: return 0, 0", "robot_syntax"),
    ],
)
def test_what_goes_wrong_in_the_robot_is_a_hint(cell, body, name):
    step = cell(f"def step(left, right):\n    {body}\n")
    hint(name, robokit.run, step, 5)


def test_values_beyond_the_motor_are_cut_as_on_the_robot(cell):
    ride = robokit.run(cell("def step(left, right):\n    return 7, 1e30\n"), 2)
    assert {(sample.left, sample.right) for sample in ride.trace.samples[2:]} == {(1.0, 1.0)}


@pytest.mark.parametrize("value", [None, (0.4, 0.4), print])
def test_only_a_function_is_a_program(value):
    hint("not_a_function", robokit.program, value)


def test_a_function_without_a_cell_and_a_huge_cell(cell):
    names: dict = {}
    exec(compile("def step(left, right): return 0, 0", "<nowhere>", "exec"), names)
    hint("no_source", robokit.program, names["step"])
    hint("program_too_long", robokit.run, cell(GOOD + "# " + "x" * 100_000))
    hint("seconds", robokit.run, cell(GOOD), 0)


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("def step（left, right）:\n    return 0, 0", "full_width", "1行目に 全角の「（」"),
        ("def step(left, right):\n    return 0,　0", "full_width", "2行目に 全角の「\u3000」"),
        ("def step(left, right)\n    return 0, 0", "syntax", "1行目"),
        ("x = 1", "no_such_name", "「step」"),
        ("step = ...", "no_such_name", "「step」"),
    ],
)
def test_a_name_that_is_missing_is_explained_by_the_cell_that_should_have_made_it(cell, text, name, shown):
    cell(text)
    assert shown in hint(name, learner.need, "step").ja


def test_a_hint_takes_the_place_of_the_traceback():
    given = Hint("full_width", line=3, char="（")
    assert isinstance(given, AssertionError) and given._render_traceback_() == [
        "ヒント: 3行目に 全角の「（」が あります。半角に なおしましょう。",
        'Hint: Line 3 has a full-width "（". Type the half-width one.',
    ]
    assert str(given) == " / ".join(words("full_width", line=3, char="（"))


def test_show_draws_the_trace_with_words(cell):
    picture = robokit.show(robokit.run(cell(GOOD), 30))
    shown = picture._repr_mimebundle_()
    root = ET.fromstring(shown["text/html"])
    title = root.find(".//{http://www.w3.org/2000/svg}title")
    assert title is not None and title.text == picture.alt == shown["text/plain"] == repr(picture)
    assert "1周 22.4 秒" in picture.alt and "lap 22.4 s" in picture.caption
    assert "1周していません" in robokit.show(robokit.run(cell(GOOD), 3)).alt


def test_answers_come_from_a_freshly_started_robot():
    counting = "n = 0\ndef step(left, right):\n    global n\n    n += 1\n    print('pair 9 9')\n    return n, left\n"
    assert driving.answer(counting, 0.1, 0.9) == driving.answer(counting, 0.1, 0.9) == (3.0, 0.1)


def test_the_box_is_left_out_only_where_there_is_one(monkeypatch, cell):
    step = cell(GOOD)
    outside = robokit.run(step, 5)
    made = []
    real = box.command
    monkeypatch.setattr(box, "command", lambda *given: made.append(real(*given)) or made[-1])
    robokit.run(step, 5)
    monkeypatch.setenv("KAGA_BOX", "1")
    inside = robokit.run(step, 5)
    assert ["bwrap" in command[0] for command in made] == [True, False]
    assert inside.trace.digest == outside.trace.digest


class ScriptedServer(BaseHTTPRequestHandler):
    """Answers with what the test laid down for a path."""

    answers: dict = {}

    def do_GET(self):
        mine = self.headers["Authorization"] == "Bearer mine"
        status, body = self.answers[self.path] if mine else (401, {"code": "bad_token"})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    made = HTTPServer(("127.0.0.1", 0), ScriptedServer)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    monkeypatch.setenv("KAGA_ROBOLEV_URL", f"http://127.0.0.1:{made.server_port}/services/robolev")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "mine")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield lambda path, status, body: ScriptedServer.answers.update({f"/services/robolev/api/{path}": (status, body)})
    made.shutdown()
    thread.join()
    made.server_close()


RUN = {"run": "r 1", "team": "柴山ライナーズ", "rules_version": "2023", "kind": "sim", "columns": matches.TELEMETRY}


def test_the_columns_of_ones_own_run(server):
    server("my/runs", 200, [{"run": "r 1", "team": "柴山ライナーズ", "points": 531}])
    server("my/runs/r%201/telemetry", 200, RUN | {"rows": [[20, None, None, None, 0.4, 0.4, 0.5, 0.5, "run", ""]] * 3})
    runs = robokit.my_runs()
    assert list(runs.columns) == matches.RUNS and runs["points"][0] == 531
    table = robokit.telemetry(runs["run"][0])
    assert list(table.columns) == [*matches.TELEMETRY, "match_id", "team", "rules_version", "kind"]
    assert set(table["match_id"]) == {"r 1"} and len(table) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chart = robokit.show_telemetry(table)._repr_mimebundle_()
    assert "3 行" in chart["text/plain"] and 'alt="' in chart["text/html"]
    robokit.show_telemetry(table.iloc[:0])._repr_mimebundle_()
    hint("not_telemetry", robokit.show_telemetry, runs)


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (403, {"code": "not_your_team"}, "not_your_team"),
        (403, {"code": "no_access"}, "sign_in_again"),
        (401, {"code": "bad_token"}, "sign_in_again"),
        (404, {"code": "unknown_run"}, "no_such_run"),
        (404, b"<html>", "server_down"),
        (500, b"", "server_down"),
        (200, b"<html>", "server_answer"),
        (200, [], "server_answer"),
        (200, {"columns": ["t_ms"], "rows": []}, "server_answer"),
        (200, RUN | {"rows": [[1, 2]]}, "server_answer"),
        (200, b"[" + b" " * matches.MAX_BYTES, "server_answer"),
    ],
)
def test_what_the_server_refuses_is_a_hint(server, status, body, name):
    server("my/runs/x/telemetry", status, body)
    hint(name, robokit.telemetry, "x")


def test_without_a_server_or_sign_in(server, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "another's")
    hint("sign_in_again", robokit.my_runs)
    monkeypatch.setenv("KAGA_ROBOLEV_URL", "http://127.0.0.1:1/services/robolev")
    hint("server_down", robokit.my_runs)
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN")
    hint("no_server", robokit.my_runs)


def test_learners_lines_stay_in_the_line_cache(cell):
    step = cell(GOOD)
    linecache.checkcache()
    assert robokit.program(step) == GOOD
