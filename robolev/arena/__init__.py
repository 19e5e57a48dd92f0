"""The simulator: fields, a robot model, and programs in lock-step on the real MicroPython."""
