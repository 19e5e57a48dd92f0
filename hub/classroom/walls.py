"""What every box of ours is made of, a pupil's server as well as a graded notebook: nothing leads out, and of the
machine only the system and the Python interpreter are seen, read-only. This is the one list of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def walls(bwrap: str, user: int, scratch_bytes: int, own: Sequence[str] = ()) -> list[str]:
    """The beginning of a bubblewrap command line; more binds and the rest may follow.

    Inside, the user and group are `user`; /tmp and /dev/shm hold `scratch_bytes` each. `own` is laid before the
    interpreter, which may lie below one of its places.
    """
    args = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    args += ["--cap-drop", "ALL", "--uid", str(user), "--gid", str(user), "--hostname", "classroom"]
    args += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        top = Path("/") / name
        if top.is_symlink():
            args += ["--symlink", f"usr/{name}", f"/{name}"]
        elif top.is_dir():
            args += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in ("alternatives", "fonts", "ld.so.cache", "localtime"):
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # bubblewrap leaves /proc/sys writable when the box is built by root: core_pattern there would be a way out.
    args += ["--proc", "/proc", "--remount-ro", "/proc"]
    # /dev is a tmpfs of half the memory, writable unless it is said; /dev/shm and /dev/pts stay mounts of their own.
    args += ["--dev", "/dev", "--remount-ro", "/dev"]
    for place in ("/dev/shm", "/tmp"):
        args += ["--size", str(scratch_bytes), "--tmpfs", place]
    args += own
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not Path(prefix).is_relative_to("/usr"):
            args += ["--ro-bind", prefix, prefix]
    return args
