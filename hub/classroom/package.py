"""A folder of files as one zip package: how assignments, submissions and feedback travel.

`unpack` reads a package from anyone: it bounds size, number and depth before and while reading, and refuses
links, absolute and climbing paths. Standard library only; the plug-ins in students' servers use it as well.
"""

from __future__ import annotations

import io
import json
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from hub.classroom.names import checked_path
from hub.classroom.refusals import Refusal

MIB = 1024 * 1024
MAX_PACKAGE = 25 * MIB
MAX_UNPACKED = 60 * MIB
MAX_NOTEBOOK = 3 * MIB  # a parser makes thirty times as much of the worst of it
OWN_NOTEBOOKS = 3  # that a pupil may hand in beside the released ones
MAX_FILES = 200
TIMESTAMP = "timestamp.txt"
Files = dict[str, bytes]


def pack(files: Mapping[str, bytes]) -> bytes:
    """One package; the same files give the same bytes, so that a repeated upload is recognised."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name in sorted(files):
            package.writestr(zipfile.ZipInfo(checked_path(name)), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpack(data: bytes) -> Files:
    """The files of a package by path, or a refusal."""
    if len(data) > MAX_PACKAGE:
        raise Refusal("too_large", f"{MAX_PACKAGE // MIB} MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = [entry for entry in package.infolist() if not entry.is_dir()]
            if len(package.infolist()) > 2 * MAX_FILES or len(entries) > MAX_FILES:
                raise Refusal("too_many_files", MAX_FILES)
            if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
                raise Refusal("too_large", f"{MAX_UNPACKED // MIB} MiB")
            return _read(package, entries)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise Refusal("bad_package", type(error).__name__) from error


def _read(package: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo]) -> Files:
    files: Files = {}
    left = MAX_UNPACKED
    for entry in entries:
        name = checked_path(entry.filename)
        mode = entry.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise Refusal("bad_package", f"{name}: link")
        if entry.flag_bits & 1:
            raise Refusal("bad_package", f"{name}: encrypted")
        if name in files:
            raise Refusal("bad_package", f"{name}: twice")
        with package.open(entry) as stream:
            content = stream.read(left + 1)  # the declared size may lie
        left -= len(content)
        if left < 0:
            raise Refusal("too_large", f"{MAX_UNPACKED // MIB} MiB")
        files[name] = content
    folders = {name[:place] for name in files for place, letter in enumerate(name) if letter == "/"}
    if folders & files.keys():
        raise Refusal("bad_package", "a file and a folder of one name")
    return files


def notebooks_in(files: Mapping[str, bytes], released: Collection[str] | None = None) -> list[str]:
    """Names (without ".ipynb") of the notebooks at the top of a package; a refusal when one is unreadable.

    With `released`, at most `OWN_NOTEBOOKS` have other names.
    """
    found = sorted(name for name in files if name.endswith(".ipynb") and "/" not in name)
    if not found:
        raise Refusal("no_notebook")
    if released is not None and len({name.removesuffix(".ipynb") for name in found} - {*released}) > OWN_NOTEBOOKS:
        raise Refusal("too_many_files", len(released) + OWN_NOTEBOOKS)
    for name in found:
        if len(files[name]) > MAX_NOTEBOOK:
            raise Refusal("too_large", f"{name}: {MAX_NOTEBOOK // MIB} MiB")
        if not _is_notebook(files[name]):
            raise Refusal("not_a_notebook", name)
    return [name.removesuffix(".ipynb") for name in found]


def _is_notebook(content: bytes) -> bool:
    """True for a notebook of version 4. What was parsed is let go before the next one."""
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
        cells = notebook["cells"]
        readable = isinstance(cells, list) and all(isinstance(c, dict) and "source" in c for c in cells)
        return readable and notebook["nbformat"] == 4
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Lay the files into `folder`, which must be fresh or trusted."""
    for name, content in files.items():
        path = folder / checked_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def stamped(files: Mapping[str, bytes], stamp: str) -> Files:
    """The files with nbgrader's note of when they were handed in; a child's own file or folder of that name goes."""
    kept = {name: content for name, content in files.items() if name.split("/")[0] != TIMESTAMP}
    return kept | {TIMESTAMP: f"{stamp}\n".encode()}


def replace_folder(files: Mapping[str, bytes], target: Path) -> None:
    """Put the files in the place of `target` as a whole, never a mixture of old and new.

    Only when the new folder is in its place does the old one go; until then it is kept beside, under a dot name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (target.with_name(f".{secrets.token_hex(8)}") for _ in range(2))
    try:
        fresh.mkdir()
        write_files(files, fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
