"""The supervisor with real processes: readiness, starting again, ending, and nothing left when it is killed itself."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from console.processes import Failed, Service, Supervisor, answers

SERVER = """
import http.server, signal, sys
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def service(folder, kind="plain", name="web"):
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port), kind]
    return Service(name, command, dict(os.environ), folder, f"http://127.0.0.1:{port}/")


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture
def told():
    return []


@pytest.fixture
def supervisor(tmp_path, told):
    made = Supervisor(tmp_path, told.append)
    try:
        yield made
    finally:
        made.end(2)


def test_a_process_that_ends_by_itself_is_started_again_and_people_are_told(supervisor, tmp_path, told):
    web = service(tmp_path)
    supervisor.start(web)
    supervisor.wait_ready(web, 20)
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    first = web.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: web.process is not None and web.process.pid != first and answers(web.ready))
    assert told == ["web ended (status -9); starting it again in 0.5 s"]
    supervisor.stop()
    watching.join(5)
    assert not watching.is_alive()


def test_one_that_does_not_listen_is_killed(supervisor, tmp_path):
    webs = [service(tmp_path, "stubborn", "stubborn"), service(tmp_path)]
    for web in webs:
        supervisor.start(web)
        supervisor.wait_ready(web, 20)
    supervisor.end(0.5)
    assert [web.process.poll() for web in webs] == [-signal.SIGKILL, -signal.SIGTERM]


def test_a_process_that_cannot_start_is_named_with_its_last_words(supervisor, tmp_path):
    bad = Service(
        "bad", [sys.executable, "-c", "print('no such course'); exit(3)"], {}, tmp_path, "http://127.0.0.1:9/"
    )
    supervisor.start(bad)
    with pytest.raises(Failed, match="bad ended at its start: no such course .*bad.log"):
        supervisor.wait_ready(bad, 20)


def test_nothing_is_left_when_the_supervisor_itself_is_killed(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from pathlib import Path
from test_processes import Supervisor, service
supervisor = Supervisor(Path({str(tmp_path)!r}), print)
web = service(Path({str(tmp_path)!r}))
supervisor.start(web)
supervisor.wait_ready(web, 20)
print(web.process.pid, flush=True)
supervisor.watch()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        try:
            pid = int(parent.stdout.readline())
            parent.kill()
            parent.wait(10)

            def gone():
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                        return stat.read().rpartition(")")[2].split()[0] == "Z"
                except OSError:
                    return True

            until(gone)
        finally:
            parent.kill()


def test_a_long_log_is_kept_once_and_begun_anew(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr("console.processes.MAX_LOG_BYTES", 1000)
    talk = "import time\nwhile True: print('x' * 200, flush=True); time.sleep(0.02)"
    supervisor.start(Service("talk", [sys.executable, "-c", talk], {}, tmp_path, "http://127.0.0.1:9/"))
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    until(lambda: (tmp_path / "talk.log.1").exists())
    until(lambda: 0 < (tmp_path / "talk.log").stat().st_size < 1000)
    supervisor.stop()
    watching.join(5)
