"""ROBOLEV: rules, runs, scores and the robot link of the tournament."""
