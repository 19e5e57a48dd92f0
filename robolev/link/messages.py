"""Frame bodies as typed messages and back; the layout is PROTOCOL.md, version 1."""

import struct
from dataclasses import astuple, dataclass
from typing import ClassVar

VERSION = 1
MAX_TEXT = 200
KINDS = {1: "start", 2: "stop", 3: "gate", 4: "checkpoint", 5: "ball", 6: "fault"}
# The value of a gate or checkpoint event: places of a Line Following field, in the order of the longest way.
PLACES = (
    "left_home",
    "intersection_out_1",
    "intersection_out_2",
    "reached_tower",
    "ball_delivered",
    "started_back",
    "intersection_back_1",
    "intersection_back_2",
    "arrived_home",
)
POSE_KNOWN = 1
_HEADER = struct.Struct("<BBH")


class BadMessage(ValueError):
    """A body that is no message of this version; says what was expected and what came."""


@dataclass(frozen=True)
class Telemetry:
    """How a robot is: times in ms, battery in mV, encoders in counts, line 0 (white) to 1000 (black).

    Motors are -1000 (full back) to 1000. The pose is the robot's own reckoning from where it started, x ahead and y to
    the left in mm, heading in hundredths of a degree anticlockwise; it means something only when `pose_known`.
    """

    TYPE: ClassVar[int] = 1
    FORMAT: ClassVar[str] = "<HIHiiHHhhhhhBB"
    robot: int
    seq: int
    robot_time_ms: int
    battery_mv: int
    encoder_left: int
    encoder_right: int
    line_left: int
    line_right: int
    motor_left: int
    motor_right: int
    x_mm: int
    y_mm: int
    heading: int
    state: int
    flags: int

    @property
    def pose_known(self) -> bool:
        """Whether the robot can tell where it is."""
        return bool(self.flags & POSE_KNOWN)


@dataclass(frozen=True)
class Event:
    """Something happened; repeated until acknowledged. `kind` is a key of KINDS; a gate's or checkpoint's value is a
    place of PLACES."""

    TYPE: ClassVar[int] = 2
    FORMAT: ClassVar[str] = "<IIBi"
    robot: int
    counter: int
    robot_time_ms: int
    kind: int
    value: int


@dataclass(frozen=True)
class Text:
    """What the program printed, or its traceback."""

    TYPE: ClassVar[int] = 3
    robot: int
    text: str


@dataclass(frozen=True)
class Ack:
    """Server to robot: the event with this counter is on disk."""

    TYPE: ClassVar[int] = 4
    FORMAT: ClassVar[str] = "<I"
    robot: int
    counter: int


Message = Telemetry | Event | Text | Ack


def pack(message: Message) -> bytes:
    """The body of a message. Raises BadMessage when a field does not fit its size."""
    robot, *fields = astuple(message)
    try:
        header = _HEADER.pack(VERSION, message.TYPE, robot)
        if isinstance(message, Text):
            return header + _short(message.text)
        return header + struct.pack(message.FORMAT, *fields)
    except struct.error as problem:
        raise BadMessage(f"{type(message).__name__}: a field does not fit: {problem}") from None


def parse(body: bytes) -> Message:
    """The message in a body. Raises BadMessage for another version, type, length or an impossible value."""
    if len(body) < _HEADER.size:
        raise BadMessage(f"expected at least {_HEADER.size} bytes, got {len(body)}")
    version, kind, robot = _HEADER.unpack_from(body)
    payload = body[_HEADER.size :]
    if version != VERSION:
        raise BadMessage(f"expected protocol version {VERSION}, got {version}; update the robot's library")
    if kind == Text.TYPE:
        try:
            return Text(robot, _checked_text(payload))
        except UnicodeDecodeError:
            raise BadMessage("text: expected UTF-8, got other bytes") from None
    for form in (Telemetry, Event, Ack):
        if kind == form.TYPE:
            size = struct.calcsize(form.FORMAT)
            if len(payload) != size:
                raise BadMessage(f"{form.__name__}: expected {size} bytes, got {len(payload)}")
            return _checked(form(robot, *struct.unpack(form.FORMAT, payload)))
    raise BadMessage(f"expected a message type 1 to 4, got {kind}")


def _checked(message: Message) -> Message:
    if isinstance(message, Event) and message.kind not in KINDS:
        raise BadMessage(f"event: expected a kind 1 to {max(KINDS)}, got {message.kind}")
    if isinstance(message, Telemetry) and max(message.line_left, message.line_right) > 1000:
        worst = max(message.line_left, message.line_right)
        raise BadMessage(f"telemetry: expected line values 0 to 1000, got {worst}")
    if isinstance(message, Telemetry) and max(abs(message.motor_left), abs(message.motor_right)) > 1000:
        worst = max(message.motor_left, message.motor_right, key=abs)
        raise BadMessage(f"telemetry: expected motor values -1000 to 1000, got {worst}")
    return message


def _short(text: str) -> bytes:
    data = text.encode("utf-8")
    if len(data) > MAX_TEXT:
        raise BadMessage(f"text: expected at most {MAX_TEXT} bytes, got {len(data)}")
    return data


def _checked_text(payload: bytes) -> str:
    if len(payload) > MAX_TEXT:
        raise BadMessage(f"text: expected at most {MAX_TEXT} bytes, got {len(payload)}")
    return payload.decode("utf-8")
