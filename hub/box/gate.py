"""The gate before a box: hub, services and all boxes are one origin to a browser, and what a box answers is up to
whoever works in it. So nobody else's browser may be answered by it, and nobody else's cookies may come into it.

Every connection carries one request, whose head is read and judged here, outside the box; not a byte after that
request goes in, and the answer says that the connection closes, so that the proxy never uses it for another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from hub.box.badge import COOKIE, SESSION, badge
from hub.box.forward import CHUNK, Streams, pump

HEAD_BYTES = 64 * 1024  # also what a stream holds at most before it is drained
HEAD_SECONDS = 10.0
LEAVE_SECONDS = 30.0  # for a reader who does not take the end of an answer
REQUEST = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/1\.[01]")
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
BEARER = re.compile(rb"(?:token|bearer) +\S", re.IGNORECASE)
# What a browser may keep: nothing of it acts when somebody opens it as a page.
KEPT = re.compile(
    rb"(?:text/css|(?:text|application)/javascript|font/[a-z0-9]+|image/(?:png|jpeg|gif|webp))(?:;.*)?", re.IGNORECASE
)
HOP = (b"connection", b"keep-alive", b"proxy-connection")


class BadHead(ValueError):
    """Not the head of one plain HTTP/1 message."""


@dataclass
class Head:
    """The first line and the headers of a message; names in small letters."""

    line: bytes
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def parse(cls, raw: bytes, first: re.Pattern[bytes]) -> Head:
        """`raw` ends with the empty line. Raises BadHead; folded lines and bare line ends are refused."""
        line, *rest = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        found = [HEADER.fullmatch(one) for one in rest]
        if first.fullmatch(line) is None or not all(found):
            raise BadHead
        return cls(line, [(one[1].lower(), one[2].strip()) for one in found if one])

    def all(self, name: bytes) -> list[bytes]:
        """Every value of that name."""
        return [value for key, value in self.headers if key == name]

    def cookies(self, name: str) -> list[str]:
        """Every value of that cookie; a browser may send more than one."""
        pairs = [pair.strip().partition(b"=") for line in self.all(b"cookie") for pair in line.split(b";")]
        return [value.decode("latin-1") for key, _, value in pairs if key == name.encode()]

    def without(self, *names: bytes) -> Head:
        """The same without those headers."""
        return Head(self.line, [pair for pair in self.headers if pair[0] not in names])

    def raw(self, *first: tuple[bytes, bytes]) -> bytes:
        """As sent, with more headers before the others."""
        lines = [self.line, *(name + b": " + value for name, value in (*first, *self.headers))]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    @property
    def upgrades(self) -> bool:
        """A websocket is asked for (or given)."""
        return b"websocket" in [value.lower() for value in self.all(b"upgrade")]


class Gate:
    """Judges the requests to one box by the key of its owner."""

    def __init__(self, key: str) -> None:
        self._key = key

    def admitted(self, head: Head) -> Head | None:
        """What may go into the box instead of this request: at most the owner's cookies, never the badge. None when
        nothing may.

        The badge lets the owner's browser in. A token in a header lets programs in: no browser sends one by itself.
        And the hub itself asks from this machine, past the proxy and without cookies, whether the server is up.
        A service worker would answer in the browser, past this gate, also the next person who sits down there.
        """
        if head.all(b"service-worker"):
            return None
        sessions = set(head.cookies(SESSION))
        if len(sessions) == 1:
            right = badge(self._key, sessions.pop())
            if any(hmac.compare_digest(right.encode(), value.encode()) for value in head.cookies(COOKIE)):
                return _without_badge(head)
        if any(BEARER.match(value) for value in head.all(b"authorization")):
            return head.without(b"cookie")
        if not head.all(b"cookie") and not head.all(b"x-forwarded-for"):
            return head
        return None


def _without_badge(head: Head) -> Head:
    pairs = [pair.strip() for line in head.all(b"cookie") for pair in line.split(b";")]
    kept = [pair for pair in pairs if pair and pair.partition(b"=")[0] != COOKIE.encode()]
    return Head(head.line, [*head.without(b"cookie").headers, (b"cookie", b"; ".join(kept))])


def _refusal(head: Head) -> bytes:
    """A visit is sent on to the hub, which gives the owner a badge; everything else is refused."""
    method, target, _ = head.line.split(b" ")
    visit = method == b"GET" and any(b"text/html" in value for value in head.all(b"accept")) and not head.upgrades
    if visit and target.startswith(b"/user/"):
        where = b"/hub/enter?next=" + quote(target, safe="/").encode()
        return _answer(b"302 Found", b"", (b"Location", where))
    told = b'{"code": "not_your_server", "message": "expected the owner\'s browser or a token, got neither. '
    return _answer(b"403 Forbidden", told + b'Do: open it from the home page"}', (b"Content-Type", b"application/json"))


def _answer(status: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    own = (b"Content-Length", str(len(body)).encode()), (b"Cache-Control", b"no-store"), (b"Connection", b"close")
    return Head(b"HTTP/1.1 " + status, [*headers, *own]).raw() + body


def before(
    key: str, connect: Callable[[], Awaitable[Streams]]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A handler for asyncio's servers (with ``limit=HEAD_BYTES``, as `connect` has)."""
    gate = Gate(key)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            head = Head.parse(raw, REQUEST)
            _length(head)
            admitted = gate.admitted(head)
            if admitted is None:
                writer.write(_refusal(head))
            else:
                await _carry(admitted, reader, writer, connect)
        except (TimeoutError, asyncio.LimitOverrunError, BadHead):
            writer.write(_answer(b"400 Bad Request", b""))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), LEAVE_SECONDS)
            writer.transport.abort()

    return handle


async def _carry(
    head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: Callable[[], Awaitable[Streams]]
) -> None:
    """One request in, its answer out; over when either side ends, or when more than the request comes in."""
    there_reader, there_writer = await connect()
    switched: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    inward = asyncio.ensure_future(_inward(head, reader, there_writer, switched))
    outward = asyncio.ensure_future(_outward(head, there_reader, writer, switched))
    try:
        await asyncio.wait([inward, outward], return_when=asyncio.FIRST_COMPLETED)
    finally:
        inward.cancel()
        outward.cancel()
        await asyncio.gather(inward, outward, return_exceptions=True)
        there_writer.transport.abort()


async def _inward(
    head: Head, reader: asyncio.StreamReader, there: asyncio.StreamWriter, switched: asyncio.Future[bool]
) -> None:
    how = b"Upgrade" if head.upgrades else b"close"
    there.write(head.without(*HOP, *(() if head.upgrades else (b"upgrade",))).raw((b"Connection", how)))
    left = _length(head)
    if left < 0:
        await _chunks(reader, there)
    await _copy(reader, there, left)
    if head.upgrades and await switched:
        await pump(reader, there)
    else:
        await reader.read(1)  # the caller has left, or goes on: over in any case


async def _outward(
    head: Head, there: asyncio.StreamReader, writer: asyncio.StreamWriter, switched: asyncio.Future[bool]
) -> None:
    status = 100
    while 100 <= status < 200 and status != 101:
        answer = Head.parse(await there.readuntil(b"\r\n\r\n"), STATUS)
        status = int(answer.line.split(b" ")[1])
        if status == 101 and not head.upgrades:
            raise BadHead
        writer.write(answer.raw() if status < 200 and status != 101 else _for_once(answer, status).raw())
    switched.set_result(status == 101)
    await pump(there, writer)


def _for_once(answer: Head, status: int) -> Head:
    """The connection ends with this answer, and no page stays in the browser's cache: there the next person who sits
    down could open it past this gate."""
    own = [(b"connection", b"Upgrade" if status == 101 else b"close"), (b"x-content-type-options", b"nosniff")]
    answer = answer.without(*HOP, b"x-content-type-options", *((b"content-type",) if status == 304 else ()))
    types = answer.all(b"content-type")
    if status != 304 and not (len(types) == 1 and KEPT.fullmatch(types[0])):
        answer = answer.without(b"cache-control", b"expires", b"pragma")
        own.append((b"cache-control", b"no-store"))
    return Head(answer.line, [*own, *answer.headers])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
    while left > 0:
        data = await reader.read(min(left, CHUNK))
        if not data:
            raise BadHead
        writer.write(data)
        await writer.drain()
        left -= len(data)


async def _chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body in chunks, written anew so that the box reads the same end as we do."""
    while True:
        found = re.fullmatch(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n", await reader.readuntil(b"\r\n"))
        if found is None:
            raise BadHead
        size = int(found[1], 16)
        writer.write(b"%x\r\n" % size)
        await _copy(reader, writer, size)
        if await reader.readexactly(2) != b"\r\n":  # also a trailer
            raise BadHead
        writer.write(b"\r\n")
        if size == 0:
            return


def _length(head: Head) -> int:
    """Bytes of the body; -1 when it comes in chunks. Raises BadHead where two readers could differ."""
    lengths, codings = head.all(b"content-length"), head.all(b"transfer-encoding")
    if codings:
        if lengths or [coding.lower() for coding in codings] != [b"chunked"]:
            raise BadHead
        return -1
    if len(lengths) > 1 or not all(re.fullmatch(rb"\d{1,15}", length) for length in lengths):
        raise BadHead
    return int(lengths[0]) if lengths else 0
