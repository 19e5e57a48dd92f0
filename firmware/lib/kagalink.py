"""The robot's side of the link, protocol version 1 (PROTOCOL.md). Valid MicroPython; touches no hardware.

Link.send_telemetry never blocks: a full queue drops the oldest telemetry and counts it. Events stay until acknowledged.
"""

import binascii
import struct

VERSION = 1
END = b"\xc0"
MAX_TEXT = 200
START, STOP, GATE, CHECKPOINT, BALL, FAULT = 1, 2, 3, 4, 5, 6
DRIVING, POSE_KNOWN = 1, 1


def encode(body):
    """The bytes of one frame on the wire."""
    content = body + struct.pack("<I", binascii.crc32(body) & 0xFFFFFFFF)
    return END + content.replace(b"\xdb", b"\xdb\xdd").replace(END, b"\xdb\xdc") + END


def decode(raw):
    """The body of the bytes between two ENDs, or None when the checksum is wrong."""
    content = raw.replace(b"\xdb\xdc", END).replace(b"\xdb\xdd", b"\xdb")
    if len(content) < 5:
        return None
    body = content[:-4]
    return body if binascii.crc32(body) & 0xFFFFFFFF == struct.unpack("<I", content[-4:])[0] else None


def telemetry(
    robot, seq, t_ms, battery_mv, enc_left, enc_right, line_left, line_right, motor_left, motor_right,
    x_mm, y_mm, heading, state, flags,
):
    """Body of a telemetry message: ms, mV, counts, line 0 (white) to 1000, motors -1000 to 1000, mm, 0.01 degree."""
    return struct.pack(
        "<BBHHIHiiHHhhhhhBB", VERSION, 1, robot, seq & 0xFFFF, t_ms & 0xFFFFFFFF,
        battery_mv, enc_left, enc_right, line_left, line_right, motor_left, motor_right,
        x_mm, y_mm, heading, state, flags,
    )


def event(robot, counter, t_ms, kind, value):
    """Body of an event message."""
    return struct.pack("<BBHIIBi", VERSION, 2, robot, counter, t_ms & 0xFFFFFFFF, kind, value)


def text(robot, words):
    """Body of a text message, cut at a character so that it is at most 200 bytes."""
    data = words.encode()
    if len(data) > MAX_TEXT:
        end = MAX_TEXT
        while data[end] & 0xC0 == 0x80:
            end -= 1
        data = data[:end]
    return struct.pack("<BBH", VERSION, 3, robot) + data


def ack(robot, counter):
    """Body of an acknowledgement."""
    return struct.pack("<BBHI", VERSION, 4, robot, counter)


class Link:
    """One robot's connection. `write(data)` gets bytes and must not block; call `flush` from the control loop."""

    def __init__(self, robot, write, queue=16, events=32):
        self.robot = robot
        self.dropped = 0
        self._write = write
        self._queue = []
        self._queue_max = queue
        self._events = {}
        self._events_max = events
        self._seq = 0
        self._counter = 0
        self._in = b""

    def send_telemetry(self, *fields):
        """Queue one telemetry message, `fields` as in telemetry() after seq; a full queue drops its oldest."""
        if len(self._queue) >= self._queue_max:
            self._queue.pop(0)
            self.dropped += 1
        body = telemetry(self.robot, self._seq, *fields)
        self._seq = (self._seq + 1) & 0xFFFF
        self._queue.append(encode(body))

    def send_event(self, t_ms, kind, value=0):
        """Keep an event until it is acknowledged. Returns its counter, or None when the store is full."""
        if len(self._events) >= self._events_max:
            return None
        self._counter += 1
        self._events[self._counter] = encode(event(self.robot, self._counter, t_ms, kind, value))
        return self._counter

    def flush(self):
        """Write what waits: every unacknowledged event again, then the telemetry."""
        for counter in sorted(self._events):
            self._write(self._events[counter])
        for data in self._queue:
            self._write(data)
        self._queue = []

    def feed(self, data):
        """Bytes from the server; an acknowledgement ends the repeating of its event."""
        parts = (self._in + data).split(END)
        self._in = parts[-1][-64:]
        for raw in parts[:-1]:
            body = decode(raw)
            if body is not None and len(body) == 8 and body[0] == VERSION and body[1] == 4:
                robot, counter = struct.unpack("<HI", body[2:])
                if robot == self.robot:
                    self._events.pop(counter, None)
