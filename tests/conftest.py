"""Options of the test run."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", type=Path, default=None, metavar="DIR",
        help="keep the screenshots of the browser tests there (those of the README: docs/screens)",
    )  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole platform and its browser come last: Playwright keeps an event loop in this thread while it is open."""
    items.sort(key=lambda item: item.path.parent.name == "browser")
