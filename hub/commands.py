"""``./kaga classroom …``: the roster, publishing sources, grading and checking without the service."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from hub.classroom.course import CourseFolder, publish
from hub.classroom.grade import grade_submission
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits, SandboxError
from hub.classroom.store import FAILED, Job
from hub.classroom.worker import grade_collected
from hub.roster import Roster, RosterError, read_csv, spelled
from hub.settings import BadSetting, running_hub, shared_token
from hub.sync import SyncError, sync


@dataclasses.dataclass(frozen=True)
class Finding:
    """Why a source notebook is not ready: a stable code and a sentence in each language."""

    code: str
    ja: str
    en: str


def grade_collection(
    data: Path, course: str, assignment: str, students: list[str] | None = None, limits: Limits | None = None
) -> Iterator[Job]:
    """Grade collected submissions one by one, without the service; a faulty one does not stop the others."""
    folder = CourseFolder(data / "courses", course)
    if not folder.exists:
        raise Refusal("unknown_course", course)
    for student in folder.collected(assignment):
        if students is None or student in students:
            try:
                yield grade_collected(folder, assignment, student, limits)
            except Refusal as refusal:
                yield Job(course, assignment, student, FAILED, notes=[refusal.as_json()])


def check_source(source: Path, limits: Limits | None = None) -> list[Finding]:
    """Check a teacher's notebook: its own solution must earn every automatic point in the box."""
    data = {path.name: path for path in source.parent.iterdir() if path.is_file() and path.suffix != ".ipynb"}
    result = grade_submission(source, source, limits=limits, files=data)
    found = [Finding(note.code, note.ja, note.en) for note in result.notes]
    if not result.scores:
        found.append(Finding("no_points", "採点するセルがありません。", "There is no graded cell."))
    for cell in result.scores:
        if cell.score is not None and cell.status != "blank" and cell.score < cell.max_score:
            where = f"{cell.grade_id}: {cell.score:g} / {cell.max_score:g}"
            ja, en = f"解答が満点になりません（{where}）。", f"The solution does not earn full points ({where})."
            found.append(Finding("solution_fails", ja, en))
    return found


@contextmanager
def _told() -> Iterator[None]:
    """Errors of ours become one line and exit status 2."""
    try:
        yield
    except (RosterError, Refusal) as error:
        text = f"{error.ja} / {error.en}" if isinstance(error, Refusal) else str(error)
        click.echo(f"kaga: {error.code}: {text}", err=True)
        sys.exit(2)
    except SandboxError as error:
        click.echo(f"kaga: no_sandbox: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"kaga: {error.strerror}: {error.filename}", err=True)
        sys.exit(2)


DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=Path("var"), show_default=True,
    envvar="KAGA_DATA", help="data folder",
)  # fmt: skip


@click.group()
def classroom() -> None:
    """Grading, rosters and sources of the classroom."""


@classroom.group()
def roster() -> None:
    """Who may sign in, and in which courses, teams and roles they are."""


@contextmanager
def _roster(data: Path) -> Iterator[Roster]:
    with _told():
        found = Roster(data.resolve() / "hub")
        try:
            yield found
        finally:
            found.close()


def _tell_hub(data: Path) -> None:
    """Write the roster into the hub when it runs; else the next start does."""
    data = data.resolve()
    try:
        sync(data, running_hub(data), shared_token(data, "console"))
    except (SyncError, BadSetting) as error:
        if error.code in ("no_answer", "no_token"):
            click.echo("kaga: the hub does not run here; it reads the roster at its next start", err=True)
        else:
            click.echo(f"kaga: {error.code}: the roster is written, but the hub was not told: {error}", err=True)


@roster.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
@DATA
def list_people(data: Path, as_json: bool) -> None:
    """Everybody, with nickname and groups."""
    with _roster(data) as people:
        for entry in people.everybody():
            if as_json:
                click.echo(json.dumps(dataclasses.asdict(entry), ensure_ascii=False))
            else:
                state = "one-time" if entry.one_time else "own"
                click.echo(f"{entry.name:<16} {entry.nickname:<16} {state:<9} {' '.join(entry.groups)}")


@roster.command()
@click.argument("name")
@click.option("--nickname", default="", help="how pages call this person")
@click.option("--group", "groups", multiple=True, help="a role, course:ID, teach:ID or team:NAME; may be repeated")
@DATA
def add(data: Path, name: str, nickname: str, groups: tuple[str, ...]) -> None:
    """Add a person; prints the one-time password for their first sign-in."""
    with _roster(data) as people:
        click.echo(people.add(spelled(name), nickname, groups))
        _tell_hub(data)


@roster.command("import")
@click.argument("table", type=click.File("rb"))
@DATA
def import_table(data: Path, table: BinaryIO) -> None:
    """Add or change many from a CSV with the columns name, nickname, groups (divided by ;).

    Prints a line with name and one-time password for each new person. People who are not in it stay as they are.
    """
    with _roster(data) as people:
        for name, password in people.put(read_csv(table.read())).items():
            click.echo(f"{name},{password}")
        _tell_hub(data)


@roster.command()
@click.argument("name")
@DATA
def password(data: Path, name: str) -> None:
    """Print a new one-time password for somebody who forgot theirs."""
    with _roster(data) as people:
        click.echo(people.new_one_time_password(spelled(name)))


@roster.command()
@click.argument("name")
@DATA
def remove(data: Path, name: str) -> None:
    """Take a person off the roster. Their files and submissions stay."""
    with _roster(data) as people:
        people.remove(spelled(name))
        _tell_hub(data)


@classroom.command("publish")
@click.argument("course")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@DATA
def publish_sources(data: Path, course: str, folders: tuple[Path, ...]) -> None:
    """Copy lesson folders (their names become the assignments) into a course's sources."""
    with _told():
        for name in publish(course, {folder.resolve().name: folder for folder in folders}, data.resolve()):
            click.echo(name)


@classroom.command()
@click.argument("course")
@click.argument("assignment")
@click.argument("students", nargs=-1)
@DATA
def grade(data: Path, course: str, assignment: str, students: tuple[str, ...]) -> None:
    """Grade what was collected, all or some students' work; one JSON object a line."""
    with _told():
        failed = False
        for job in grade_collection(data.resolve(), course, assignment, list(students) or None):
            click.echo(json.dumps(dataclasses.asdict(job), ensure_ascii=False))
            failed |= job.state == FAILED
        sys.exit(1 if failed else 0)


@classroom.command()
@click.argument("notebooks", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def validate(notebooks: tuple[Path, ...]) -> None:
    """Check teachers' notebooks: their own solutions must earn every automatic point."""
    bad = False
    with _told():
        for notebook in notebooks:
            found = check_source(notebook)
            bad |= bool(found)
            for finding in found:
                click.echo(f"{notebook}: {finding.code}: {finding.ja} / {finding.en}")
            if not found:
                click.echo(f"{notebook}: ok")
    sys.exit(1 if bad else 0)
