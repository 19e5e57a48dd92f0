"""The bubblewrap command line of one box: what can be seen in it, and nothing else.

Seen: the system and the Python environment (read-only), the parts of the project a notebook needs (read-only),
the own home, a teacher's course folders, and the sockets to the services. Never: other homes, the data folder,
lessons with their solutions, hidden tests, the tests, the network, other processes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from hub.box.fonts import font_arguments
from hub.box.order import Order
from hub.classroom.walls import walls

ROOT = Path(__file__).resolve().parents[2]
SOCKETS = Path("/run/box")
# Folders and modules of the project, as a notebook server imports them.
PROJECT = (
    "robolev", "firmware", "look", "curriculum/robokit", "hub/__init__.py", "hub/settings.py", "hub/exchange",
    "hub/jupyter", "hub/box/__init__.py", "hub/box/forward.py", "hub/box/inner.py", "hub/classroom/__init__.py",
    "hub/classroom/names.py", "hub/classroom/package.py", "hub/classroom/refusals.py",
    "hub/classroom/feedback_sheet.py", "hub/classroom/stubs.py", "hub/classroom/words.py", "hub/locale", "hub/static",
)  # fmt: skip


def command(order: Order, bwrap: str, runtime: Path, listening: int, status: int) -> list[str]:
    """`runtime` holds ``sockets/`` and ``etc/``; `listening` and `status` are the numbers of inherited files."""
    home, own = order.home_inside, list[str]()
    for file in ("passwd", "group", "hosts", "nsswitch.conf"):
        own += ["--ro-bind", str(runtime / "etc" / file), f"/etc/{file}"]
    # The home comes before the project, which may lie below a folder of the same name outside.
    own += ["--bind", order.home, str(home)]
    for course in order.courses:
        own += ["--bind", str(Path(order.data) / "courses" / course), str(home / "courses" / course)]
    args = walls(bwrap, 1000, order.scratch_bytes, [*own, *font_arguments(home)])
    for name in PROJECT:
        args += ["--ro-bind-try", str(ROOT / name), str(ROOT / name)]
    # Read-only: whoever is inside can call the sockets, but not put others in their place.
    args += ["--ro-bind", str(runtime / "sockets"), str(SOCKETS)]
    args += ["--remount-ro", "/", "--chdir", str(home), "--", shutil.which("prlimit") or "/usr/bin/prlimit"]
    # A control group limits the box's memory; where none can be made, one process at least cannot take everything.
    # It is address space, of which Python reserves more than it uses.
    args += [f"--as={2 * order.memory_bytes}", f"--nproc={order.processes}", f"--fsize={order.file_bytes}"]
    args += ["--core=0", "--nofile=4096", "--"]
    args += [sys.executable, "-P", "-m", "hub.box.inner", str(listening), str(status), str(order.port)]
    return [*args, ",".join(map(str, order.forwards)), *order.command]


def environment(order: Order) -> dict[str, str]:
    """Of every process in the box; the hub's own variables for this server come on top."""
    home = str(order.home_inside)
    given = {"HOME": home, "USER": order.role, "SHELL": "/bin/bash", "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    given |= {"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV": sys.prefix}
    given |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'curriculum'}", "PYTHONDONTWRITEBYTECODE": "1"}
    given |= {"JUPYTER_CONFIG_PATH": f"{ROOT / 'hub/jupyter' / order.role}:{ROOT / 'hub/jupyter'}"}
    given |= {"KAGA_BOX": "1", "MATPLOTLIBRC": str(ROOT / "hub/jupyter/matplotlibrc")}
    # Two learners' numpy on two cores each would only wait for each other.
    return given | {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
