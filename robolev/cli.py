"""The project's command line; `./kaga` hands over to it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from robolev.domain.bracket import ORDERS, bracket
from robolev.domain.errors import RuleViolation
from robolev.domain.ranking import standings
from robolev.domain.score import score
from robolev.rulesets import loader
from robolev.store.journal import Journal, JournalError

# A sheet is under 2 kB and a whole tournament's table under 1 MB: more is not a sheet.
MAX_INPUT_BYTES = 4_000_000


@click.group()
def main() -> None:
    """Kaga's education and robot-competition platform."""


@main.command()
def doctor() -> None:
    """Say in one line each what this machine has and lacks."""
    for tool, use, package in (("bwrap", "grading students' code in a sandbox", "bubblewrap"),):
        found = shutil.which(tool)
        click.echo(
            f"ok       {tool}" if found else f"missing  {tool}: needed for {use}. Do: sudo apt-get install {package}"
        )
    click.echo(f"ok       Python {sys.version.split()[0]}")
    free = shutil.disk_usage(Path.cwd()).free // 10**9
    click.echo(f"{'ok      ' if free >= 2 else 'low     '} {free} GB of free disk (2 GB are needed)")


@main.group()
def robolev() -> None:
    """Rules and scores of the tournament."""


@robolev.command("score")
@click.argument("challenge")
@click.option("--division", required=True, help="ES, MS, HS or UP")
@click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="a parameter of the day, such as target=137"
)
def score_command(challenge: str, division: str, overrides: tuple[str, ...]) -> None:
    """Score the sheet on standard input."""
    with _one_line_errors():
        pairs = {}
        for override in overrides:
            name, equals, value = override.partition("=")
            if not equals:
                raise RuleViolation("bad_option", f"--set: expected NAME=VALUE, got {override!r}")
            pairs[name] = value
        ruleset = loader.load(challenge, pairs)
        _print(score(_read_json(), ruleset, division).as_dict())


@robolev.command("standings")
def standings_command() -> None:
    """Rank the table on standard input."""
    with _one_line_errors():
        _print(standings(_read_json()))


@robolev.command("bracket")
@click.option("--entrants", required=True, type=int)
@click.option("--order", type=click.Choice(ORDERS), default="roborave", show_default=True)
def bracket_command(entrants: int, order: str) -> None:
    """Print an elimination bracket."""
    with _one_line_errors():
        _print(bracket(entrants, order))


@robolev.command("check-ruleset")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_ruleset_command(file: Path) -> None:
    """Check a rule file: sums, items, and its worked examples."""
    with _one_line_errors():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise RuleViolation("bad_ruleset", f"{file.name}: expected UTF-8 text, got other bytes") from None
        ruleset = loader.parse(text, file.name)
        click.echo(f"{file.name}: ok, {len(ruleset.divisions)} divisions")


@robolev.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify_command(file: Path) -> None:
    """Check a journal's hash chain; exit status 1 when it is broken."""
    with _one_line_errors():
        journal = Journal(file)
        try:
            breaks = journal.verify()
            number, newest = journal.head()
        finally:
            journal.close()
        for line in breaks:
            click.echo(line)
        if breaks:
            sys.exit(1)
        click.echo(f"{file.name}: {number} events, unbroken, newest {newest}")


class _one_line_errors:
    """Turns a refusal into one line on standard error and exit status 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, (RuleViolation, JournalError)):
            click.echo(f"{problem.code}: {problem}".replace("\n", " "), err=True)
            sys.exit(2)


def _read_json() -> Any:
    data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if len(data) > MAX_INPUT_BYTES:
        raise RuleViolation("too_large", f"standard input: expected at most {MAX_INPUT_BYTES} bytes, got more")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, RuleViolation):
            raise
        raise RuleViolation("not_json", f"standard input: expected JSON, got something else: {problem}") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise RuleViolation("duplicate_field", f"standard input: expected each field once, got {name!r} twice")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise RuleViolation("not_json", f"standard input: expected finite numbers, got {name}")


def _print(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


if __name__ == "__main__":
    main()
