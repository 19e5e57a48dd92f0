"""The pure core of the competition: no clock, dice, file, socket or framework. Time and chance come in as arguments."""
