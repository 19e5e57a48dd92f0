"""Runs INSIDE the box: executes code cells sent one by one and answers with their outputs. Scores nothing.

Stands alone (only IPython): it is laid into the box as a single file; its arguments are folders to import from.
Each request is a JSON line ``{"nonce", "source", "seconds"}``, each answer a JSON line ``{"nonce", "outputs",
"timeout"}``. The nonce is fresh for every cell and the next cell is sent only after the last answer, so code of one
cell can neither foresee the source of a later test nor prepare its answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

TEXT_LIMIT = 65536
OUTPUTS_LIMIT = 50
Output = dict[str, Any]
_outputs: list[Output] = []


class CellTimeout(KeyboardInterrupt):
    """Raised in the cell when its time is up; a KeyboardInterrupt, so ``except Exception`` lets it pass."""


class Stream:
    """A text stream that keeps the first `TEXT_LIMIT` characters of a cell as one stream output."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        """Append to the current output when it is of this stream, else begin a new one."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            last = _outputs[-1] if _outputs else {}
            if last.get("output_type") != "stream" or last.get("name") != self.name:
                last = {"output_type": "stream", "name": self.name, "text": ""}
                _add(last)
            last["text"] += text[: max(0, TEXT_LIMIT - len(last["text"]))]
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """Never a terminal."""
        return False


def _add(output: Output) -> None:
    # Beyond the limit only what can cost points is kept.
    if len(_outputs) < OUTPUTS_LIMIT or output["output_type"] == "error" or output.get("name") == "stderr":
        _outputs.append(output)
        del _outputs[OUTPUTS_LIMIT * 2 :]


def _text_only(data: dict[str, Any]) -> dict[str, str]:
    return {"text/plain": str(data.get("text/plain", ""))[:TEXT_LIMIT]}


class Hook(DisplayHook):
    """Turns the value of a cell's last expression into an ``execute_result``."""

    def write_output_prompt(self) -> None:
        """No prompt: outputs are data."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep the plain text, the only form that scoring reads."""
        data = _text_only(format_dict)
        _add({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None})

    def finish_displayhook(self) -> None:
        """Nothing to end."""
        self._is_active = False


class Publisher(DisplayPublisher):
    """Turns ``display()`` into ``display_data``."""

    def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
        """Keep the plain text."""
        _add({"output_type": "display_data", "data": _text_only(data), "metadata": {}})


class Shell(InteractiveShell):
    """An IPython shell without history, prompt or exit."""

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        _add(_error(etype.__name__, str(evalue), [str(line) for line in stb]))

    def ask_exit(self) -> None:
        """``exit()`` in a notebook ends nothing; the next cell is run as usual."""


def _error(name: str, value: str, lines: list[str]) -> Output:
    text = "\n".join(lines)[:TEXT_LIMIT]
    return {"output_type": "error", "ename": name, "evalue": value[:2000], "traceback": text.split("\n")}


def _expired(_signal: int, _frame: FrameType | None) -> None:
    raise CellTimeout("the cell took too long")


def run(shell: Shell, source: str, seconds: float) -> tuple[list[Output], bool]:
    """Execute one cell; its outputs, and whether its time ran out. Never raises for what the cell did."""
    _outputs.clear()
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")  # type: ignore[assignment]
    failure: BaseException | None = None
    try:
        signal.signal(signal.SIGALRM, _expired)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            result = shell.run_cell(source, store_history=True)
            failure = result.error_before_exec or result.error_in_exec
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as error:  # noqa: B036 - a student's cell may raise anything at all
        failure = error
    if failure is not None and not any(o["output_type"] == "error" for o in _outputs):
        _add(_error(type(failure).__name__, str(failure), []))
    return list(_outputs), isinstance(failure, CellTimeout)


def main() -> None:
    """Answer requests until the input ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    me, getpid, dumps, loads, leave = os.getpid(), os.getpid, json.dumps, json.loads, os._exit
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config, displayhook_class=Hook, display_pub_class=Publisher)
    sys.path += sys.argv[1:]  # the folders with what lessons import
    sys.argv = ["notebook"]
    for line in requests:
        request = loads(line)
        if "source" in request:
            outputs, late = run(shell, request["source"], request["seconds"])
        else:
            outputs, late = [], False
        if getpid() != me:  # a process the cell forked must not answer in our place
            leave(0)
        answers.write(
            dumps({"nonce": request["nonce"], "outputs": outputs, "timeout": late}).encode() + b"\n"
        )
        answers.flush()
    leave(0)


if __name__ == "__main__":
    main()
