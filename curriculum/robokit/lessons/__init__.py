"""The visible checks of each lesson: what its test cells call."""
