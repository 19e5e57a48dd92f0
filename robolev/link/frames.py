"""SLIP frames with CRC-32: feed bytes, get frames, bad frames and the robot's prints. Opens nothing."""

import struct
import zlib
from dataclasses import dataclass

END, ESC = b"\xc0", b"\xdb"
ESC_END, ESC_ESC = b"\xdb\xdc", b"\xdb\xdd"
# Content and checksum before escaping. A text of 200 bytes and its header need 208; more is not ours.
MAX_FRAME = 256
# Escaping at most doubles a frame. Beyond this a peer without END would only fill our memory.
MAX_BUFFER = 2 * MAX_FRAME


@dataclass(frozen=True)
class Frame:
    """The body of a frame whose checksum was right."""

    body: bytes


@dataclass(frozen=True)
class Text:
    """What a robot printed between frames; undecodable bytes are shown as U+FFFD."""

    text: str


@dataclass(frozen=True)
class BadFrame:
    """Bytes that are neither. `reason` is stable: checksum, escape, too_long."""

    reason: str
    raw: bytes


Item = Frame | Text | BadFrame


def encode(body: bytes) -> bytes:
    """The bytes of one frame on the wire. Raises ValueError above MAX_FRAME - 4 bytes."""
    if not 0 < len(body) <= MAX_FRAME - 4:
        raise ValueError(f"body: expected 1 to {MAX_FRAME - 4} bytes, got {len(body)}")
    content = body + struct.pack("<I", zlib.crc32(body))
    return END + content.replace(ESC, ESC_ESC).replace(END, ESC_END) + END


class Decoder:
    """Feed it bytes as they come, in pieces of any size. Unfinished input is kept, at most MAX_BUFFER bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Item]:
        """All that became complete with `data`, in order. An empty list means: not yet."""
        items: list[Item] = []
        *complete, rest = data.split(END)
        for part in complete:
            self._keep(part, items)
            if not self._skipping and self._buffer:
                items.append(_item(bytes(self._buffer)))
            self._buffer.clear()
            self._skipping = False
        self._keep(rest, items)
        return items

    def _keep(self, part: bytes, items: list[Item]) -> None:
        if self._skipping:
            return
        self._buffer += part
        if len(self._buffer) > MAX_BUFFER:
            items.append(BadFrame("too_long", bytes(self._buffer[:MAX_BUFFER])))
            self._buffer.clear()
            self._skipping = True


def _item(raw: bytes) -> Item:
    content = raw.replace(ESC_END, END).replace(ESC_ESC, ESC)
    if len(content) > 4 and zlib.crc32(content[:-4]) == struct.unpack("<I", content[-4:])[0]:
        escapes = raw.count(ESC) == raw.count(ESC_END) + raw.count(ESC_ESC)
        if len(content) > MAX_FRAME:
            return BadFrame("too_long", raw)
        return Frame(content[:-4]) if escapes else BadFrame("escape", raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return BadFrame("checksum", raw)
    printable = all(c.isprintable() or c in "\r\n\t" for c in text)
    return Text(text) if printable else BadFrame("checksum", raw)
