"""What stands in a released notebook where the learner is to write, for every course of this platform."""

from traitlets.config import Config

# A statement after the comment, so that a function with an empty body can be run and answers None.
CODE = "# ここに書こう / YOUR CODE HERE\n..."
TEXT = "ここに書こう / YOUR ANSWER HERE"


def stubs() -> Config:
    """nbgrader's configuration for it; making a release and recognising an empty answer must use the same."""
    return Config({"ClearSolutions": {"code_stub": {"python": CODE}, "text_stub": TEXT}})
