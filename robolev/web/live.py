"""One stream of changes per page, as server-sent events: what changed and a beat, never a state.

A page that sees `change` or a new connection asks for the whole picture again, so a gap can lose nothing.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from robolev.service.tournament import Tournament
from robolev.store.journal import Recorded

BEAT_S = 2.0
# A page that is this far behind gets one `change` instead: it reloads everything anyway.
MAX_WAITING = 100


async def changes(tournament: Tournament, stopping: asyncio.Event) -> AsyncIterator[str]:
    """Server-sent events until the client leaves or the server stops."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Recorded] = asyncio.Queue(MAX_WAITING)

    def put(event: Recorded) -> None:
        if not waiting.full():
            waiting.put_nowait(event)

    def told(event: Recorded) -> None:
        loop.call_soon_threadsafe(put, event)

    stop = tournament.listen(told)
    try:
        yield _beat()
        while not stopping.is_set():
            try:
                event = await asyncio.wait_for(waiting.get(), BEAT_S)
            except TimeoutError:
                yield _beat()
                continue
            data = {"seq": event.seq, "run": event.stream, "happened": event.body["happened"], "at_ms": event.at_ms}
            yield f"id: {event.seq}\nevent: change\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    finally:
        stop()


def _beat() -> str:
    return f"event: beat\ndata: {time.time_ns() // 1_000_000}\n\n"
