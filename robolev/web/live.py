"""One stream per page, as server-sent events: what changed and a beat; for a run's page also how its robot is.

A page that sees `change` or a new connection asks for the whole picture again, so a gap can lose nothing.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from robolev.service.tournament import Tournament
from robolev.store.journal import Recorded
from robolev.web.venue import Venue
from robolev.web.views import robot_view

BEAT_S = 2.0
# How often a run's page hears of its robot: the trace moves, and a silent robot shows within a second.
ROBOT_S = 0.5
# A page that is this far behind gets one `change` instead: it reloads everything anyway.
MAX_WAITING = 100
News = Callable[[], dict[str, Any] | None]


async def changes(tournament: Tournament, stopping: asyncio.Event, news: News | None = None) -> AsyncIterator[str]:
    """Server-sent events until the client leaves or the server stops; `news` is asked every ROBOT_S."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Recorded] = asyncio.Queue(MAX_WAITING)

    def put(event: Recorded) -> None:
        if not waiting.full():
            waiting.put_nowait(event)

    def told(event: Recorded) -> None:
        loop.call_soon_threadsafe(put, event)

    stop = tournament.listen(told)
    beat_at = news_at = 0.0
    try:
        while not stopping.is_set():
            now = time.monotonic()
            if now >= beat_at:
                yield f"event: beat\ndata: {time.time_ns() // 1_000_000}\n\n"
                beat_at = now + BEAT_S
            if news is not None and now >= news_at:
                if (found := await asyncio.to_thread(news)) is not None:
                    yield f"event: robot\ndata: {json.dumps(found, ensure_ascii=False)}\n\n"
                news_at = now + ROBOT_S
            wake = beat_at if news is None else min(beat_at, news_at)
            try:
                event = await asyncio.wait_for(waiting.get(), max(0.0, wake - time.monotonic()))
            except TimeoutError:
                continue
            data = {"seq": event.seq, "run": event.stream, "happened": event.body["happened"], "at_ms": event.at_ms}
            yield f"id: {event.seq}\nevent: change\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    finally:
        stop()


def robot_news(venue: Venue, run_id: str, language: str) -> News:
    """What there is to tell of a run's robot since the last time; None for a run without one."""
    sent = 0

    def news() -> dict[str, Any] | None:
        nonlocal sent
        found = robot_view(venue, run_id, language)
        if found is None:
            return None
        path = venue.recorder.path(run_id, sent)
        found |= {"from": sent, "path": [None if at is None else [round(at[0]), round(at[1])] for at in path]}
        sent += len(path)
        return found

    return news
