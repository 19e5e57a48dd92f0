"""The server's codec and port reader: whole, byte by byte, and on bad lines."""

import json
import os
import threading
import tty
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robolev.link import messages
from robolev.link.frames import MAX_BUFFER, BadFrame, Decoder, Frame, Text, encode
from robolev.link.messages import Ack, BadMessage, Event, Telemetry, pack, parse
from robolev.link.transport import SerialReader

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "frames.json").read_text(encoding="utf-8"))
FORMS = {"telemetry": Telemetry, "event": Event, "text": messages.Text, "ack": Ack}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_vectors_both_ways(vector):
    message = FORMS[vector["message"]](*vector["fields"])
    wire = bytes.fromhex(vector["wire"])
    assert encode(pack(message)) == wire
    (frame,) = Decoder().feed(wire)
    assert isinstance(frame, Frame) and parse(frame.body) == message


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_byte_by_byte_then_a_tail(vector):
    wire, decoder = bytes.fromhex(vector["wire"]), Decoder()
    for place in range(len(wire) - 1):
        assert decoder.feed(wire[place : place + 1]) == []
    assert [type(x) for x in decoder.feed(wire[-1:] + b"\xc0\x01")] == [Frame]


@given(st.lists(st.binary(min_size=1, max_size=252), max_size=5), st.integers(1, 300))
def test_any_bodies_in_any_pieces(bodies, size):
    wire, decoder, got = b"".join(map(encode, bodies)), Decoder(), []
    for start in range(0, len(wire), size):
        got += decoder.feed(wire[start : start + size])
    assert got == [Frame(body) for body in bodies]


@given(st.binary(max_size=2000))
def test_garbage_never_raises_and_the_next_frame_arrives(garbage):
    decoder = Decoder()
    decoder.feed(garbage)
    assert Frame(b"good") in decoder.feed(b"\xc0" + encode(b"good"))


def test_half_frames_flipped_bits_and_prints():
    wire = encode(pack(Event(7, 1, 1000, 3, 0)))
    flipped = bytearray(wire)
    flipped[6] ^= 0x01
    got = Decoder().feed(wire[:8] + wire + bytes(flipped) + "こんにちは\n".encode() + wire)
    assert [type(x) for x in got] == [BadFrame, Frame, BadFrame, Text, Frame]
    assert got[3] == Text("こんにちは\n")


def test_a_line_without_end_fills_no_memory():
    decoder = Decoder()
    got = [item for _ in range(100) for item in decoder.feed(b"x" * 1000)]
    assert len(got) == 1 and got[0].reason == "too_long" and len(got[0].raw) == MAX_BUFFER
    assert decoder.feed(encode(b"good")) == [Frame(b"good")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\x01", "at least 4 bytes"),
        (b"\x02\x01\x00\x00", "version 1, got 2"),
        (b"\x01\x63\x00\x00", "type 1 to 4, got 99"),
        (b"\x01\x01\x00\x00\x00", "expected 32 bytes, got 1"),
        (b"\x01\x02\x00\x00" + b"\x09" * 13, "kind 1 to 6, got 9"),
        (b"\x01\x03\x00\x00\xff", "UTF-8"),
        (b"\x01\x03\x00\x00" + b"a" * 201, "at most 200"),
        (b"\x01\x01\x00\x00" + b"\x00" * 16 + b"\xff\xff" + b"\x00" * 14, "line values 0 to 1000"),
        (b"\x01\x01\x00\x00" + b"\x00" * 20 + b"\x17\xfc" + b"\x00" * 10, "motor values -1000 to 1000, got -1001"),
    ],
)
def test_bodies_that_are_no_message(body, says):
    with pytest.raises(BadMessage, match=says):
        parse(body)


def test_a_field_too_large_is_not_cut_silently():
    with pytest.raises(BadMessage, match="does not fit"):
        pack(Ack(70_000, 1))
    with pytest.raises(BadMessage, match="at most 200"):
        pack(messages.Text(1, "あ" * 67))


def test_a_port_is_read_lost_and_found_again(tmp_path):
    link = tmp_path / "robot"
    decoder, got, states, changed = Decoder(), [], [], threading.Condition()

    def plug():
        master, slave = os.openpty()
        tty.setraw(slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        return master, slave

    def note(target, value):
        with changed:
            target.extend(value)
            changed.notify_all()

    def wait(check):
        with changed:
            assert changed.wait_for(check, timeout=20), (states, got)

    reader = SerialReader(
        str(link),
        lambda at, data: note(got, decoder.feed(data)),
        lambda state: note(states, [state]),
    )
    opened = []
    try:
        reader.start()
        wait(lambda: states == ["absent"])
        opened = list(plug())
        wait(lambda: states[-1] == "connected")
        os.write(opened[0], encode(b"one"))
        wait(lambda: Frame(b"one") in got)
        link.unlink()
        while opened:
            os.close(opened.pop())
        wait(lambda: states[-1] == "unplugged")
        opened = list(plug())
        wait(lambda: states[-1] == "connected")
        os.write(opened[0], b"\xdb garbage" + encode(b"two"))
        wait(lambda: Frame(b"two") in got)
        assert states == ["absent", "connected", "unplugged", "connected"]
    finally:
        reader.stop()
        for descriptor in opened:
            os.close(descriptor)
