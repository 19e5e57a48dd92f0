"""Names of courses, assignments, people and files: one rule for all that becomes part of a path."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from hub.classroom.refusals import Refusal

LENGTH = 100
# "+" divides names in nbgrader's exchange, braces and globs are its path patterns, "%" and the rest invite accidents.
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\+*?\[\]{}<>|\":%\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def checked(name: str) -> str:
    """`name` in normal form C, if it can safely be one part of a path; else a refusal."""
    name = unicodedata.normalize("NFC", name)
    if not name or len(name) > LENGTH or len(name.encode("utf-8", "replace")) > 200:
        raise Refusal("bad_name", f"{name[:40]!r} (1–{LENGTH})")
    found = FORBIDDEN.search(name)
    if found or name[0] in ".-~" or name != name.strip() or name[-1] == ".":
        raise Refusal("bad_name", repr(name[:60]))
    if any(unicodedata.category(letter) == "Cs" for letter in name):
        raise Refusal("bad_name", ascii(name[:60]))
    return name


def checked_path(name: str, depth: int = 6) -> str:
    """A relative file path with "/" between its parts, each of them checked; dot files are allowed."""
    parts = name.split("/")
    if len(parts) > depth:
        raise Refusal("bad_name", repr(name[:60]))
    return "/".join("." + checked(part[1:]) if part.startswith(".") else checked(part) for part in parts)


def within(root: Path, path: Path) -> Path:
    """`path`, if following its links stays inside `root`: a course folder belongs to its teachers, not to us."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise Refusal("outside_course", path.name)
    return path
