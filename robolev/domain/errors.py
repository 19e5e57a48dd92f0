"""What the core refuses, and how it says so."""


class RuleViolation(ValueError):
    """A sheet, table or command that does not fit the rules.

    `code` is stable for programs and translations; the text says what was expected, what came, and where.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def shown(value: object) -> str:
    """A value from outside as it may appear in a one-line message: at most 60 characters, no line breaks."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
