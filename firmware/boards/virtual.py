"""The board of the simulator: same robot API, time and hardware are the arena's. Run as the main script.

Arguments: descriptors to ask the arena, to hear its answer, and of the robot's serial line to write; in real time also
the one to read the serial line and the robot's number.
"""

import select
import struct
import sys


class VirtualBoard:
    """Hardware of the simulated robot: motors -1 to 1, eyes 0 to 1, encoders in counts, battery in mV."""

    wheel_sizes = (2000, 120)  # counts per metre, mm between the wheels: measured, as on any robot

    def __init__(self, ask, tell, serial, serial_in=None):
        self._ask = open(ask, "wb")
        self._tell = open(tell, "rb")
        self._serial = open(serial, "wb")
        self._serial_in = None
        if serial_in is not None:
            self._serial_in = open(serial_in, "rb")
            self._heard = select.poll()
            self._heard.register(self._serial_in, select.POLLIN)
        self.left = self.right = 0.0
        self.time_ms = 0
        self.line = (0.0, 0.0)
        self.encoders = (0, 0)
        self.battery_mv = 0

    def motors(self, left, right):
        """Tell the motors -1 to 1, forward positive; beyond that is cut."""
        self.left = max(-1.0, min(1.0, left))
        self.right = max(-1.0, min(1.0, right))

    def wait_ms(self, ms):
        """Let the arena's time pass and read all sensors."""
        self._ask.write(struct.pack("<hhI", round(self.left * 1000), round(self.right * 1000), ms))
        data = self._tell.read(18)
        if len(data) < 18:
            sys.exit()
        self.time_ms, left, right, enc_left, enc_right, self.battery_mv = struct.unpack("<IHHiiH", data)
        self.line = (left / 1000, right / 1000)
        self.encoders = (enc_left, enc_right)

    def serial_write(self, data):
        """Bytes for the serial line."""
        self._serial.write(data)

    def serial_read(self):
        """Bytes that came on the serial line, at once; none in lock-step, where nobody answers."""
        data = b""
        while self._serial_in is not None and len(data) < 256 and self._heard.poll(0):
            piece = self._serial_in.read(1)
            if not piece:
                break
            data += piece
        return data

    def finished(self):
        """Tell the arena that the program has come to its end."""
        self._ask.write(struct.pack("<hhI", 0, 0, 0xFFFFFFFF))


def run():
    from robot import Robot

    numbers = [int(word) for word in sys.argv[1:]]
    board = VirtualBoard(*numbers[:4])
    import program

    robot = Robot(board, *numbers[4:])
    if hasattr(program, "main"):
        program.main(robot)
    elif hasattr(program, "step"):
        robot.follow(program.step)
    else:
        raise RuntimeError("expected step(left, right) or main(robot) in the program, found neither")
    board.finished()


run()
