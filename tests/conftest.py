"""Options of the test run."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", type=Path, default=None, metavar="DIR",
        help="keep the screenshots of the browser tests there (those of the README: docs/screens)",
    )  # fmt: skip
