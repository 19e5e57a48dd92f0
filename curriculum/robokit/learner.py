"""The learner's notebook as robokit sees it: names, and the text of the cell in which a function was written."""

import ast
import linecache
import re
import types
import unicodedata
from typing import Any

from robokit.hint import Hint

MAX_SHOWN = 40


def need(name: str) -> Any:
    """The value of `name` in the notebook, or a hint that says why it is not there."""
    from IPython import get_ipython

    shell = get_ipython()  # type: ignore[no-untyped-call]
    names: dict[str, Any] = {} if shell is None else shell.user_ns
    # The newest cell that writes the name decides: when it could not be read, an older value is not what was meant.
    writes = re.compile(rf"^\s*(?:def\s+)?{re.escape(name)}\s*[=＝:：(（]", re.MULTILINE)
    newest = next((text for text in reversed(list(names.get("In", []))) if writes.search(text)), "")
    if (hint := _broken(newest)) is not None:
        raise hint
    if name in names and names[name] is not ...:
        return names[name]
    raise Hint("no_such_name", name=name)


def program(step: Any) -> str:
    """The program for the robot: the whole text of the cell in which the function `step` was written.

    A function of another name is given the name `step` at the end, which is the name the robot calls.
    """
    if not isinstance(step, types.FunctionType):
        raise Hint("not_a_function", got=shown(step))
    text = "".join(linecache.getlines(step.__code__.co_filename))
    if not text.strip():
        raise Hint("no_source")
    check(text)
    name = step.__name__
    return text if name in ("step", "<lambda>") else f"{text}\nstep = {name}\n"


def check(text: str) -> None:
    """A hint for what would stop a robot's control loop without any error: waiting for time or for the keyboard."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise _syntax(text, error) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("input", "sleep", "sleep_ms", "sleep_us"):
                raise Hint("no_waiting", name=called)


def shown(value: object) -> str:
    """A value as short text for a hint."""
    try:
        text = repr(value)
    except Exception:  # a learner's own __repr__ may do anything
        text = type(value).__name__
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _broken(text: str) -> Hint | None:
    try:
        ast.parse(text)
    except SyntaxError as error:
        return _syntax(text, error)
    except ValueError:
        return None
    return None


def _syntax(text: str, error: SyntaxError) -> Hint:
    line = error.lineno or 1
    lines = text.split("\n")
    at = lines[line - 1][(error.offset or 1) - 1 :][:1] if line <= len(lines) else ""
    if at and not at.isascii() and (at in "\u3000\u2018\u2019\u201c\u201d" or unicodedata.east_asian_width(at) == "F"):
        return Hint("full_width", line=line, char=at)
    return Hint("syntax", line=line)
