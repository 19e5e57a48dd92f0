"""Carries bytes between two sockets, both ways, until both sides are done. Standard library only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK = 65536


def to(connect: Callable[[], Awaitable[Streams]]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable]:
    """A handler for asyncio's servers: every caller gets a connection of its own made by `connect`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await connect()
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        finally:
            there_writer.transport.abort()
            writer.transport.abort()

    return handle


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, then hand the end on; waiting on `drain` bounds what is held in memory."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
