"""What lesson notebooks import: drive the simulated robot, draw it, and look at one's own matches."""

from robokit.driving import Ride, run
from robokit.hint import Hint
from robokit.learner import program
from robokit.matches import my_runs, show_telemetry, telemetry
from robokit.pictures import show

__all__ = ["Hint", "Ride", "my_runs", "program", "run", "show", "show_telemetry", "telemetry"]
