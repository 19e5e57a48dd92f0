"""Whose package is being taken right now: one of each person, a few of all. Nobody else's memory is filled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.classroom.refusals import Refusal

MOST, PATIENCE_SECONDS = 8, 10.0


class Uploads:
    """Turns of one event loop."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE_SECONDS) -> None:
        self.most, self.patience = most, patience
        self._now: set[str] = set()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait until nothing of `name` is being taken and there is room; a refusal when that takes too long."""
        end = time.monotonic() + self.patience
        while name in self._now or len(self._now) >= self.most:
            if time.monotonic() > end:
                raise Refusal("busy")
            await asyncio.sleep(0.02)
        self._now.add(name)
        try:
            yield
        finally:
            self._now.discard(name)
