"""A Raspberry Pi Pico with a two-motor driver, two line eyes and wheel encoders: the same robot API as the simulator.

Checked against the board's published types and compiled; never run on hardware by this project. Wiring: README.
"""

import time

from machine import ADC, PWM, UART, Pin

MOTOR_HZ = 20000  # above what children hear
FULL = 65535
# A frame takes 5 ms at 115200 baud; the queue holds what piles up while the other side looks away.
BAUD, QUEUE_BYTES = 115200, 2048


class Motor:
    """One motor on a driver with two inputs (DRV8833, MX1508, TB67H451): forward on the first, back on the second."""

    def __init__(self, forward, back):
        self._forward = PWM(Pin(forward), freq=MOTOR_HZ, duty_u16=0)
        self._back = PWM(Pin(back), freq=MOTOR_HZ, duty_u16=0)

    def set(self, power):
        """-1 (full back) to 1 (full forward)."""
        duty = round(min(1.0, abs(power)) * FULL)
        self._forward.duty_u16(duty if power > 0 else 0)
        self._back.duty_u16(duty if power < 0 else 0)


class Encoder:
    """A quadrature encoder: counts both edges of its first output, forward positive."""

    def __init__(self, first, second):
        self.counts = 0
        self._first = Pin(first, Pin.IN, Pin.PULL_UP)
        self._second = Pin(second, Pin.IN, Pin.PULL_UP)
        self._first.irq(self._edge, Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def _edge(self, _pin):
        if self._first.value() == self._second.value():
            self.counts -= 1
        else:
            self.counts += 1


class PicoBoard:
    """Motors -1 to 1, eyes 0 (white) to 1 (black), encoders in counts, battery in mV, serial line on UART 0.

    `wheel_sizes` is (counts per metre, mm between the wheels), measured on this robot; without it the robot sends no
    pose. `white` and `black` are the eyes' readings over both, 0 to 65535. `battery_scale` is what one volt at the
    battery pin stands for: 2 behind two equal resistors.
    """

    def __init__(self, wheel_sizes=None, white=10000, black=50000, battery_scale=2.0):
        if white == black:
            raise ValueError("white and black: expected two different readings, got " + str(white) + " twice")
        self.wheel_sizes = wheel_sizes
        self._white, self._span = white, black - white
        self._battery_scale = battery_scale
        self._motors = (Motor(6, 7), Motor(8, 9))
        self._wheels = (Encoder(10, 11), Encoder(12, 13))
        self._eyes = (ADC(Pin(26)), ADC(Pin(27)))
        self._battery = ADC(Pin(28))
        self._uart = UART(0, BAUD, tx=Pin(0), rx=Pin(1), txbuf=QUEUE_BYTES, rxbuf=256, timeout=0)
        self.left = self.right = 0.0
        self._begin = self._next = time.ticks_ms()
        self.time_ms = 0
        self._read()

    def motors(self, left, right):
        """Turn the motors, -1 to 1, forward positive; beyond that is cut."""
        self.left, self.right = max(-1.0, min(1.0, left)), max(-1.0, min(1.0, right))
        self._motors[0].set(self.left)
        self._motors[1].set(self.right)

    def wait_ms(self, ms):
        """Wait until `ms` after the last wait's end, so that a step's own time is no extra, then read all sensors."""
        self._next = time.ticks_add(self._next, ms)
        late = -time.ticks_diff(self._next, time.ticks_ms())
        if late > 0:
            self._next = time.ticks_add(self._next, late)
        else:
            time.sleep_ms(-late)
        self._read()

    def serial_write(self, data):
        """Bytes for the serial line; what its queue cannot take is lost, as on the air, and never waited for."""
        self._uart.write(data)

    def serial_read(self):
        """Bytes that came on the serial line, at once."""
        return self._uart.read(256) or b""

    def _read(self):
        now = time.ticks_ms()
        self.time_ms += time.ticks_diff(now, self._begin)
        self._begin = now
        self.line = tuple(max(0.0, min(1.0, (eye.read_u16() - self._white) / self._span)) for eye in self._eyes)
        self.encoders = tuple(wheel.counts for wheel in self._wheels)
        self.battery_mv = round(self._battery.read_u16() * 3300 * self._battery_scale / FULL)
