"""The commands `./kaga robolev` and `./kaga robot`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from robolev.arena.box import SandboxMissing
from robolev.arena.picture import draw
from robolev.arena.realtime import Order, VirtualRobot
from robolev.arena.robot import RobotModel
from robolev.arena.simulate import SimulationError, simulate
from robolev.domain.bracket import ORDERS, bracket
from robolev.domain.errors import RuleViolation
from robolev.domain.ranking import standings
from robolev.domain.score import score
from robolev.rulesets import loader
from robolev.settings import Settings, options
from robolev.store.journal import Journal, JournalError
from robolev.web.serve import CannotServe, serve
from robolev.web.words import error_text

# A sheet is under 2 kB and a whole tournament's table under 1 MB: more is not a sheet.
MAX_INPUT_BYTES = 4_000_000


@click.group()
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


@robolev.command("serve")
@options
def serve_command(**settings: Any) -> None:
    """Run the scoring server with its pages until Ctrl-C."""
    with _one_line_errors():
        serve(Settings(**settings))


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


@click.group()
def robot() -> None:
    """Robot programs."""


@robot.command("sim")
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=40.0, show_default=True, help="of the simulator's time")
@click.option("--seed", default=1, show_default=True, help="of all chance in the run")
@click.option("--noise", default=0.0, show_default=True, help="of the line sensors, standard deviation")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="SVG file to draw the run into")
def sim_command(program: Path, seconds: float, seed: int, noise: float, picture: Path | None) -> None:
    """Run a MicroPython program on the simulated robot, in a sandbox, and print what it did."""
    with _one_line_errors():
        if not 0 <= noise <= 1:
            raise SimulationError("bad_program", f"--noise: expected 0 to 1, got {noise}")
        run = simulate(_program(program), seconds, seed, RobotModel(sensor_noise=noise))
        if picture is not None:
            picture.write_text(draw(run, program.name), encoding="utf-8")
        figures = {"lap_s": run.lap_s, "max_offset_mm": round(run.max_offset * 1000, 1), "wobble": round(run.wobble, 2)}
        _print({"ended": run.ended, **figures, "printed": run.printed, "digest": run.digest})


@robot.command("virtual")
@click.argument("program", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--robot", "number", default=60000, show_default=True, type=click.IntRange(0, 65534), help="its number")
@click.option("--link", type=click.Path(path_type=Path), help="a name for its serial line; the sensor gets NAME.field")
@click.option("--seconds", default=180.0, show_default=True, type=click.FloatRange(0, 3600, min_open=True))
@click.option("--seed", default=1, show_default=True, help="of all chance in the run")
def virtual_command(program: Path, number: int, link: Path | None, seconds: float, seed: int) -> None:
    """Drive a virtual robot in real time; its serial line and its field sensor's are pseudo-terminals."""
    with _one_line_errors():
        links = () if link is None else (link, link.with_name(link.name + ".field"))
        for path in links:
            if path.exists() or path.is_symlink():
                raise SimulationError("link_exists", f"--link: expected a free name, got {path.name} that is there")
        VirtualRobot(Order(_program(program), number, number + 1, seconds, seed, links=links), _print).run()


def _program(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SimulationError("bad_program", f"{file.name}: expected UTF-8 text, got other bytes") from None


class _one_line_errors:
    """Turns a refusal into one line on standard error and exit status 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, (RuleViolation, JournalError, SimulationError, CannotServe)):
            # Exact words are English, as on the pages; a Japanese terminal gets the kind sentence too.
            japanese = os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ja")
            kind = f"（{error_text('ja', problem.code)}）" if japanese else ""
            click.echo(f"{problem.code}: {problem}{kind}".replace("\n", " "), err=True)
            sys.exit(2)
        if isinstance(problem, SandboxMissing):
            click.echo(f"no_sandbox: {problem}", err=True)
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
    sys.stdout.flush()
