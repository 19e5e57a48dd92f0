"""The scoring server of the tournament, the robot link and the simulator."""
