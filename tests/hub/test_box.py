"""What a curious student reaches from the own notebook: a real hub, real proxy, two students' real servers."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from box_machine import BoxMachine
from classroom_machine import GOOD, Answer, answered, write_source
from kernel import Kernel

from hub.box.command import ROOT
from hub.box.launcher import BOX_ADDRESS
from hub.box.record import read, record_path

SECRET = "ひみつの答え"

# name, then code that is a break-in if it comes to its end without an exception
ATTEMPTS: dict[str, str] = {
    "list the homes": "os.listdir(data + '/homes')",
    "read a classmate's notebook": "open(data + '/homes/hana/himitsu.txt').read()",
    "read a classmate's notebook by a path from the own home": "open('../hana/himitsu.txt').read()",
    "read the hub's database": "open(data + '/hub.sqlite', 'rb').read(16)",
    "read the hub's cookie secret": "open(data + '/cookie', 'rb').read(16)",
    "read the classroom's token": "open(data + '/tokens/classroom').read()",
    "read the list of boxes": "os.listdir(data + '/boxes')",
    "read a classmate's log": "open(data + '/log/box-hana.log').read()",
    "read the hub's settings with its tokens": "open(data + '/jupyterhub_config.py').read()",
    "read the course's sources": "os.listdir(data + '/courses/ch-robot')",
    "read lessons with solutions": "os.listdir(root + '/curriculum/ch-robot')",
    "read the hidden tests": "os.listdir(root + '/curriculum/hidden')",
    "read the project's tests": "os.listdir(root + '/tests')",
    "read the project's history": "os.listdir(root + '/.git')",
    "read the roster's code": "open(root + '/hub/roster.py').read()",
    "read the grading": "open(root + '/hub/classroom/scoring.py').read()",
    "read the host's passwords": "open('/etc/shadow').read()",
    "see other people's folders": "assert os.listdir('/home') != ['student']",
    "see root's folder": "open('/root/.bashrc').read()",
    "write into the project": "open(root + '/robolev/x', 'w')",
    "write into the Python environment": "open(sys.prefix + '/x', 'w')",
    "write into the system": "open('/usr/x', 'w')",
    "write into the top folder": "os.mkdir('/x')",
    "fill the memory through /dev": "open('/dev/x', 'w')",
    "see processes outside": "assert max(pids()) > 5000 or any(b'jupyterhub -f' in command(p) for p in pids())",
    "see the root of a process outside": "open(f'/proc/1/root{data}/cookie', 'rb').read()",
    "signal the launcher": "os.kill(launcher, 0)",
    "signal everything of a classmate": "os.kill(other_launcher, 0)",
    "call a classmate's server": "call(other_port)",
    "listen to a classmate's kernel": "[call(port) for port in kernel_ports]",
    "call the proxy's own API": "call(proxy_api)",
    "call the public proxy": "call(public)",
    "call any other service of the host": "call(service)",
    "call the host's own address": "call(service, host)",
    "call an address on the internet": "call(80, '192.0.2.1')",
    "resolve a name on the internet": "socket.getaddrinfo('example.org', 80)",
    "see the host's connections": "assert f':{public:04X} ' in open('/proc/net/tcp').read()",
    "see the host's network cards": "assert [n for _, n in socket.if_nameindex() if n != 'lo']",
    "call an abstract socket of the host": "socket.socket(socket.AF_UNIX).connect('\\0' + abstract)",
    "put another socket in the place of the hub's": "os.unlink(glob.glob('/run/box/*.sock')[0])",
    "add a socket": "socket.socket(socket.AF_UNIX).bind('/run/box/x.sock')",
    "make a namespace of one's own": "sh('unshare -Ur true')",
    "mount something": "sh('mount -t tmpfs none /mnt')",
    "become root": "os.setuid(0)",
    "give a file to somebody": "open('mine', 'w').close(); os.chown('mine', 0, 0)",
    "make a device": "os.mknod('disk', 0o60600, os.makedev(8, 0))",
    "open the disk": "open('/dev/sda', 'rb'), open('/dev/vda', 'rb')",
    "change the host's name": "socket.sethostname('x')",
    "change the kernel": "open('/proc/sys/kernel/hostname', 'w').write('x')",
    "name a program for crashes": "open('/proc/sys/kernel/core_pattern', 'r+').close()",
    "press the kernel's emergency key": "open('/proc/sysrq-trigger', 'w').close()",
    "hold the launcher's files": "os.listdir(f'/proc/{launcher}/fd')",
    "list all people with the own token": "hub('GET', '/users')",
    "look a classmate up": "hub('GET', '/users/hana')",
    "make a token with more rights": "hub('POST', '/users/yuta/tokens', b'{}')",
    "stop a classmate's server": "hub('DELETE', '/users/hana/server')",
    "list the groups": "hub('GET', '/groups')",
    "list the services": "hub('GET', '/services')",
    "read the proxy's routes": "hub('GET', '/proxy')",
    "read all submissions": "classroom('GET', '/courses/ch-robot/submissions')",
    "release an assignment": "classroom('PUT', '/courses/ch-robot/assignments/ps1', b'x')",
}
PREPARE = """
import glob, json, os, socket, subprocess, sys, urllib.request
globals().update(json.loads({values!r}))
def call(port, host="127.0.0.1"):
    with socket.create_connection((host, port), 2) as line:
        line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); line.settimeout(2); assert line.recv(1)
def pids(): return [int(p) for p in os.listdir("/proc") if p.isdigit()]
def command(pid): return open(f"/proc/{{pid}}/cmdline", "rb").read().replace(b"\\0", b" ")
def sh(line): subprocess.run(line, shell=True, check=True, capture_output=True)
def ask(url, method, body=None):
    headers = {{"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}}
    return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=5).read()
def hub(method, where, body=None): return ask(os.environ["JUPYTERHUB_API_URL"] + where, method, body)
def classroom(method, where, body=None): return ask(os.environ["KAGA_CLASSROOM_URL"] + "/api" + where, method, body)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxMachine]:
    # A deep folder: a unix socket below it would have too long a path.
    folder = tmp_path_factory.mktemp("data") / "a-folder-with-a-long-name-as-people-do-make-them" / "加賀 教室" / "var"
    folder.mkdir(parents=True)
    machine = BoxMachine(folder)
    try:
        machine.start()
        machine.spawn("yuta", "hana")
        yield machine
    finally:
        machine.end()


@pytest.fixture(scope="module")
def hana(machine: BoxMachine) -> Kernel:
    kernel = Kernel(machine, "hana")
    assert kernel.run(f"open('himitsu.txt', 'w').write({SECRET!r}); print('ok')") == "ok\n"
    return kernel


@pytest.fixture(scope="module")
def yuta(machine: BoxMachine, hana: Kernel) -> Iterator[Kernel]:
    kernel = Kernel(machine, "yuta")
    ports = json.loads(hana.run(
        "import json, ipykernel; d = json.load(open(ipykernel.get_connection_file()))\n"
        "print(json.dumps([d[k] for k in d if k.endswith('_port')]))"
    ))  # fmt: skip
    with socket.create_server(("0.0.0.0", 0)) as service, socket.socket(socket.AF_UNIX) as abstract:
        name = secrets.token_hex(8)
        abstract.bind("\0" + name)
        abstract.listen()
        values = {"data": str(machine.folder), "root": str(ROOT), "kernel_ports": ports, "abstract": name}
        values |= {"launcher": box(machine, "yuta").pid, "other_launcher": box(machine, "hana").pid}
        values |= {"other_port": box_port(machine, "hana"), "proxy_api": machine.api, "public": machine.public}
        values |= {"service": service.getsockname()[1], "host": own_address()}
        assert kernel.run(PREPARE.format(values=json.dumps(values))) == ""
        yield kernel


def own_address() -> str:
    """An address of this machine that is not the loopback's (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(line.getsockname()[0])


def box(machine: BoxMachine, name: str) -> Any:
    record = read(record_path(machine.folder, name))
    assert record is not None
    return record


def box_port(machine: BoxMachine, name: str) -> int:
    routes = machine.routes()
    return int(routes[f"/user/{name}"]["target"].rpartition(":")[2])


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_curious_student_is_refused(yuta: Kernel, attempt: str) -> None:
    said = yuta.run(f"{ATTEMPTS[attempt]}\nprint('BROKEN IN')")
    assert "rror" in said and "BROKEN IN" not in said and "NameError" not in said, said
    assert SECRET not in said


def test_what_is_meant_to_work_works(yuta: Kernel) -> None:
    assert yuta.run("print(json.loads(hub('GET', '/user'))['name'])") == "yuta\n"
    assert yuta.run("print(json.loads(classroom('GET', '/me'))['learns'])") == "['ch-robot', 'データ']\n"
    assert yuta.run("print(os.getcwd(), os.environ['KAGA_BOX'])") == "/home/student 1\n"
    assert yuta.run("import robolev.arena, hub.exchange.assignments; print('ok')") == "ok\n"
    assert yuta.run("import hub.roster") == "ModuleNotFoundError: No module named 'hub.roster'"


def test_services_can_tell_a_box_from_the_proxy(machine: BoxMachine, yuta: Kernel) -> None:
    with socket.create_server(("127.0.0.1", machine.robolev)) as service:
        service.settimeout(20)
        assert yuta.run(f"import socket; line = socket.create_connection(('127.0.0.1', {machine.robolev}))") == ""
        caller, (address, _port) = service.accept()
        caller.close()
    assert address == BOX_ADDRESS


def test_a_students_token_opens_no_other_server(machine: BoxMachine, yuta: Kernel) -> None:
    token = yuta.run("print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    assert machine.user("yuta", "GET", "api/contents", token=token).status == 200
    assert machine.user("hana", "GET", "api/contents", token=token).status in (403, 404)
    assert machine.user("hana", "GET", "files/himitsu.txt", token=token).status in (403, 404)


def test_processes_are_bounded(machine: BoxMachine, yuta: Kernel) -> None:
    bomb = """import signal, time
made = []
try:
    while len(made) < 1500:
        made.append(os.fork() or (time.sleep(30), os._exit(0)))
except OSError:
    print("stopped at", len(made))
for pid in made:
    os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)
"""
    said = yuta.run(bomb)
    assert said.startswith("stopped at") and int(said.split()[-1]) < 400
    assert machine.user("hana", "GET", "api/status").status == 200


@pytest.mark.parametrize("place", ["big", "/tmp/big", "/dev/shm/big"])
def test_a_huge_file_is_refused(yuta: Kernel, place: str) -> None:
    said = yuta.run(f"with open({place!r}, 'wb') as f: os.posix_fallocate(f.fileno(), 0, 600 << 20)")
    yuta.run(f"os.unlink({place!r})")
    assert said.startswith("OSError")


def test_too_much_memory_ends_the_process_that_took_it(machine: BoxMachine, yuta: Kernel) -> None:
    said = yuta.run("print(subprocess.run([sys.executable, '-c', \"x = b'x' * (5 << 30)\"], stderr=-3).returncode)")
    assert said.strip() in ("-9", "1")
    assert machine.user("yuta", "GET", "api/status").status == 200


def test_japanese_in_plots(yuta: Kernel) -> None:
    draw = (
        "import warnings; warnings.simplefilter('error')\nimport matplotlib.pyplot as plt\n"
        "from matplotlib import font_manager\nfigure, axes = plt.subplots()\naxes.plot([-1, 2])\n"
        "axes.set_title('走行のきろく 柴山潟 ①'); axes.set_ylabel('速さ（cm/秒）'); figure.savefig('graph.png')\n"
        "print(font_manager.findfont('IPAexGothic').rpartition('/')[2], plt.rcParams['font.family'])"
    )
    assert yuta.run(draw) == "ipaexg.ttf ['DejaVu Sans', 'IPAexGothic']\n"


def test_lab_is_japanese_and_shows_only_what_students_need(machine: BoxMachine) -> None:
    setting = machine.user("yuta", "GET", "lab/api/settings/@jupyterlab/translation-extension:plugin").json
    assert setting["settings"].get("locale", setting["schema"]["properties"]["locale"]["default"]) == "ja_JP"
    pack = machine.user("yuta", "GET", "lab/api/translations/ja_JP").json
    assert pack["message"] == "" and pack["data"]["jupyterlab"]["menu\x04File"] == ["ファイル"]
    page = machine.user("yuta", "GET", "lab").text
    config = json.loads(page.partition('id="jupyter-config-data" type="application/json">')[2].partition("<")[0])
    off = set(config["disabledExtensions"])
    assert off >= {f"@jupyter/nbgrader:{part}" for part in ("formgrader", "course-list", "create-assignment")}
    assert "@jupyter/nbgrader:assignment-list" not in off
    assert {"@jupyterlab/extensionmanager-extension", "@jupyterlab/apputils-extension:announcements"} <= off
    assert machine.user("yuta", "GET", "formgrader/manage_assignments").status == 404
    assert machine.user("yuta", "GET", "grade").status == 404


def test_from_lab_to_the_form_grader_and_back(machine: BoxMachine) -> None:
    """As the buttons do it: a student in JupyterLab, a teacher of two courses in the form grader."""
    write_source(machine.course / "source" / "ps1", "problem1")
    machine.spawn("sensei")

    def grader(method: str, where: str, body: bytes | None = None, course: str = "ch-robot") -> Answer:
        return machine.user("sensei", method, f"grade/{quote(course)}/formgrader/{where}", body)

    def student(action: str) -> Any:
        form = urlencode({"course_id": "ch-robot", "assignment_id": "ps1"}).encode()
        answer = machine.user("yuta", "POST", f"assignments/{action}", form)
        assert answer.json["success"], answer.json
        return answer.json["value"]

    assert [f"/grade/{quote(name)}/" in grader("GET", "../../").text for name in ("ch-robot", "データ")] == [True] * 2
    assert [one["name"] for one in grader("GET", "api/assignments").json] == ["ps1"]
    assert grader("GET", "api/assignments", course="データ").json == []
    for step in ("assign", "release"):
        assert grader("POST", f"api/assignment/ps1/{step}", b"").json["success"], step

    assert machine.user("yuta", "GET", "courses").json["value"] == ["ch-robot"]
    assert [one["status"] for one in student("fetch")] == ["fetched"]
    where = "api/contents/ch-robot/ps1/problem1.ipynb"
    model = machine.user("yuta", "GET", where).json
    released = json.dumps(model["content"]).encode()
    assert b"BEGIN HIDDEN" not in released
    content = json.loads(answered(released, GOOD, "二倍は足し算でもできるから"))
    body = json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
    assert machine.user("yuta", "PUT", where, body).status == 200
    checked = machine.user("yuta", "POST", "assignments/validate", urlencode({"path": where[13:]}).encode())
    assert checked.status == 200 and checked.json["success"], checked.text
    assert [one["status"] for one in student("submit")] == ["fetched", "submitted"]

    assert grader("POST", "api/assignment/ps1/collect", b"").json["success"]
    assert grader("POST", "api/submission/ps1/yuta/autograde", b"").json["success"]
    submission = grader("GET", "api/submitted_notebooks/ps1/problem1").json[0]
    assert (submission["code_score"], submission["needs_manual_grade"]) == (5, True)
    page = grader("GET", f"submissions/{submission['id']}/")
    assert page.status == 200 and "二倍は足し算でもできるから" in page.text and "kaga-" not in page.text
    grades = grader("GET", f"api/grades?submission_id={submission['id']}").json
    essay = next(one for one in grades if one["needs_manual_grade"])
    given = grader("PUT", f"api/grade/{essay['id']}", json.dumps({"manual_score": 1}).encode())
    assert given.json["manual_score"] == 1
    assert grader("GET", "api/submitted_notebooks/ps1/problem1").json[0]["score"] == 6
    for step in ("generate_feedback", "release_feedback"):
        assert grader("POST", f"api/assignment/ps1/{step}", b"").json["success"], step

    feedback = student("fetch_feedback")[-1]["submissions"][0]
    assert feedback["has_local_feedback"] and feedback["has_exchange_feedback"]


def test_the_attempts_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{len(ATTEMPTS)} attempts of a curious student")
    assert len(ATTEMPTS) > 50 and os.path.exists(ROOT / "hub/classroom/scoring.py")
