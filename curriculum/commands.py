"""`./kaga curriculum`: build notebooks from author files, and check lessons."""

from __future__ import annotations

import sys

import click

from curriculum import build as building
from curriculum.check import TEXT, TRIALS, common_problems, problems
from curriculum.lessons import CurriculumError, lessons


@click.group()
def curriculum() -> None:
    """Lessons: build and check."""


@curriculum.command()
@click.argument("lesson", nargs=-1)
def build(lesson: tuple[str, ...]) -> None:
    """Build the notebooks of all lessons, or of those named."""
    try:
        for one in lessons(*lesson):
            changed = building.write(one)
            click.echo(f"{one.id}: {'written: ' + ', '.join(changed) if changed else 'up to date'}")
    except CurriculumError as error:
        raise click.ClickException(f"{error.code}: {error}") from error


@curriculum.command()
@click.argument("lesson", nargs=-1)
@click.option("--text-only", is_flag=True, help="Only the gates that run nothing: a second instead of a minute.")
def check(lesson: tuple[str, ...], text_only: bool) -> None:
    """Run all gates; exit code 1 and one line for each problem."""
    try:
        found = common_problems()
        for one in lessons(*lesson):
            found += problems(one, TEXT if text_only else TEXT + TRIALS)
    except CurriculumError as error:
        raise click.ClickException(f"{error.code}: {error}") from error
    for problem in found:
        click.echo(str(problem), err=True)
    if found:
        sys.exit(1)
    click.echo("ok")
