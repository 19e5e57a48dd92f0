"""Inside the box: opens the services' ports on the box's own loopback, starts the server, says when it answers.

    python -P -m hub.box.inner LISTENING STATUS PORT FORWARDS COMMAND...

LISTENING is the number of an inherited listening unix socket: its callers are led to 127.0.0.1:PORT. STATUS is a
pipe that gets one line when the server answers. FORWARDS are ports, with commas, each led to /run/box/<port>.sock.
The end of standard input asks the server to stop; what is left of the box ends with this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from functools import partial

from hub.box import forward

SOCKETS = "/run/box"
STOP_SECONDS = 6.0


async def main(listening: int, status: int, port: int, forwards: list[int], command: list[str]) -> int:
    """The server's exit status."""
    for number in (listening, status):
        os.set_inheritable(number, False)
    for other in forwards:
        connect = partial(asyncio.open_unix_connection, f"{SOCKETS}/{other}.sock")
        await asyncio.start_server(forward.to(connect), "127.0.0.1", other)
    server = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    ended = asyncio.ensure_future(server.wait())
    asked = asyncio.ensure_future(_end_of_input())
    answers = asyncio.ensure_future(_announce(listening, status, port))
    await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
    answers.cancel()
    if not ended.done():
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), STOP_SECONDS)
    return ended.result() if ended.done() else 128 + signal.SIGKILL


async def _announce(listening: int, status: int, port: int) -> None:
    """Wait for the server, then take callers and say so."""
    connect = partial(asyncio.open_connection, "127.0.0.1", port)
    while True:
        try:
            _, writer = await connect()
            break
        except OSError:
            await asyncio.sleep(0.05)
    writer.close()
    await asyncio.start_unix_server(forward.to(connect), sock=socket.socket(fileno=listening))
    os.write(status, b"ready\n")
    os.close(status)


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


if __name__ == "__main__":
    first, second, third = map(int, sys.argv[1:4])
    sys.exit(asyncio.run(main(first, second, third, [int(port) for port in sys.argv[4].split(",")], sys.argv[5:])))
