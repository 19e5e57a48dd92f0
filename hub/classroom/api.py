"""The classroom over HTTP: what the nbgrader plug-ins (:mod:`hub.exchange`) and other programs call.

Every path starts with ``/services/classroom/api``; the caller is known by its hub token only.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.names import checked
from hub.classroom.overview import own_tasks
from hub.classroom.package import MAX_PACKAGE, MIB
from hub.classroom.programs import newest_program
from hub.classroom.refusals import Refusal
from hub.classroom.store import Job, Release, Submission
from hub.roles import PROGRAMS, TASKS, TEAM

router = APIRouter(prefix="/api")
MAX_JSON = 64 * 1024


async def person(request: Request, authorization: Annotated[str | None, Header()] = None) -> Person:
    """The owner of the token in the header."""
    found: Person = await request.app.state.identity.by_header(authorization)
    return found


def desk(request: Request) -> Desk:
    """The desk of this application."""
    found: Desk = request.app.state.desk
    return found


async def body(request: Request, limit: int) -> bytes:
    """The request's body, read no further than `limit`."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise Refusal("too_large", f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB")
    return bytes(data)


async def package(request: Request, who: Annotated[Person, Depends(person)]) -> AsyncIterator[bytes]:
    """The request's body, read only from known people, one of each at a time, and never beyond the limit."""
    async with request.app.state.uploads.turn(who.name):
        yield await body(request, MAX_PACKAGE)


async def wanted(request: Request, who: Annotated[Person, Depends(person)]) -> dict[str, Any]:
    """A small JSON object, possibly empty."""
    raw = await body(request, MAX_JSON)
    try:
        found = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Refusal("bad_request", "JSON") from error
    if not isinstance(found, dict):
        raise Refusal("bad_request", "JSON object")
    return found


def service_with(scope: str) -> Any:
    """A dependency: the calling service's name; its token must carry the scope."""

    async def caller(request: Request, authorization: Annotated[str | None, Header()] = None) -> str:
        name: str = await request.app.state.identity.service(authorization, scope)
        return name

    return Depends(caller)


Who = Annotated[Person, Depends(person)]
TheDesk = Annotated[Desk, Depends(desk)]
Package = Annotated[bytes, Depends(package)]
Wanted = Annotated[dict[str, Any], Depends(wanted)]
HERE = "/courses/{course}/assignments/{assignment}"


def _release(release: Release) -> dict[str, Any]:
    return {
        "course_id": release.course,
        "assignment_id": release.assignment,
        "notebooks": release.notebooks,
        "released_at": release.released_at,
    }


def _submission(item: Submission) -> dict[str, Any]:
    return {
        "id": item.id,
        "course_id": item.course,
        "assignment_id": item.assignment,
        "student_id": item.student,
        "timestamp": item.submitted_at,
        "notebooks": item.notebooks,
        "feedback": item.feedback,
        "feedback_at": item.feedback_at,
    }


def _progress(jobs: list[Job]) -> dict[str, Any]:
    counts = {state: sum(job.state == state for job in jobs) for state in ("pending", "running", "done", "failed")}
    return {"counts": counts, "jobs": [dataclasses.asdict(job) for job in jobs]}


def _zip(data: bytes) -> Response:
    return Response(data, media_type="application/zip")


@router.get("/me")
def me(who: Who) -> dict[str, Any]:
    """Who the token belongs to."""
    return {"name": who.name, "learns": sorted(who.learns), "teaches": sorted(who.teaches)}


@router.get("/courses/{course}/assignments")
def assignments(course: str, who: Who, at: TheDesk) -> list[dict[str, Any]]:
    """Released assignments."""
    return [_release(release) for release in at.released(who, course)]


@router.put(HERE + "/release", status_code=201)
def release(
    course: str, assignment: str, who: Who, at: TheDesk, data: Package, force: bool = False
) -> dict[str, Any]:
    """Hand out a student version (teachers)."""
    return _release(at.release(who, course, assignment, data, force))


@router.post(HERE + "/release", status_code=201)
def make_and_release(course: str, assignment: str, who: Who, at: TheDesk) -> dict[str, Any]:
    """Make the student version from the course's source and hand it out (teachers)."""
    return _release(at.make_and_release(who, course, assignment))


@router.delete(HERE + "/release")
def unrelease(course: str, assignment: str, who: Who, at: TheDesk) -> dict[str, Any]:
    """Take an assignment back (teachers)."""
    at.unrelease(who, course, assignment)
    return {}


@router.get(HERE + "/release")
def fetch(course: str, assignment: str, who: Who, at: TheDesk) -> Response:
    """The student version as a package."""
    return _zip(at.fetch(who, course, assignment))


@router.post(HERE + "/submissions", status_code=201)
def submit(
    course: str, assignment: str, who: Who, at: TheDesk, data: Package, x_command_id: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """Hand in (students); the same ``X-Command-Id`` again is the same submission."""
    return _submission(at.submit(who, course, assignment, x_command_id, data))


@router.get("/courses/{course}/mine")
def mine(course: str, who: Who, at: TheDesk, assignment: str | None = None) -> list[dict[str, Any]]:
    """The caller's own submissions."""
    return [_submission(item) for item in at.own(who, course, assignment)]


@router.get("/courses/{course}/mine/{number}/feedback")
def feedback(course: str, number: int, who: Who, at: TheDesk) -> dict[str, str]:
    """Feedback pages of a submission by notebook."""
    pages = at.feedback(who, course, number)
    return {name.removesuffix(".html"): page.decode("utf-8", "replace") for name, page in pages.items()}


@router.get("/courses/{course}/submissions")
def submissions(course: str, who: Who, at: TheDesk, assignment: str | None = None) -> list[dict[str, Any]]:
    """Everybody's submissions (teachers)."""
    return [_submission(item) for item in at.handed_in(who, course, assignment)]


@router.get("/courses/{course}/submissions/{number}")
def submission_files(course: str, number: int, who: Who, at: TheDesk) -> Response:
    """One submission as a package (teachers)."""
    return _zip(at.submission_files(who, course, number))


@router.post(HERE + "/collection")
def collect(course: str, assignment: str, who: Who, at: TheDesk) -> dict[str, Any]:
    """Put the newest submissions into the course folder (teachers)."""
    return {"collected": at.collect(who, course, assignment)}


@router.post(HERE + "/grading", status_code=202)
def grade(course: str, assignment: str, who: Who, at: TheDesk, asked: Wanted) -> dict[str, Any]:
    """Queue grading of collected submissions, all or ``{"students": […]}`` (teachers)."""
    students = asked.get("students")
    if students is not None and not (isinstance(students, list) and all(isinstance(s, str) for s in students)):
        raise Refusal("bad_request", "students")
    return _progress(at.grade(who, course, assignment, students))


@router.get(HERE + "/grading")
def grading(course: str, assignment: str, who: Who, at: TheDesk) -> dict[str, Any]:
    """How grading goes (teachers)."""
    return _progress(at.grading(who, course, assignment))


@router.put(HERE + "/feedback/{student}")
def put_feedback(
    course: str, assignment: str, student: str, timestamp: str, who: Who, at: TheDesk, data: Package
) -> dict[str, Any]:
    """Give back pages made elsewhere (teachers)."""
    at.put_feedback(who, course, assignment, student, timestamp[:60], data)
    return {}


@router.post(HERE + "/feedback")
def give_feedback(course: str, assignment: str, who: Who, at: TheDesk) -> dict[str, Any]:
    """Render and give back all feedback (teachers)."""
    given, failed = at.give_feedback(who, course, assignment)
    return {"given": given, "failed": failed}


@router.get("/teams/{team}/program")
def program(team: str, request: Request, at: TheDesk, caller: Annotated[str, service_with(PROGRAMS)]) -> dict[str, str]:
    """The newest robot program a team handed in (services)."""
    members = request.app.state.identity.members(TEAM + checked(team))
    if members is None:
        raise Refusal("hub_down")
    found = newest_program(at.store, members)
    if found is None:
        raise Refusal("no_program", team)
    return dataclasses.asdict(found)


@router.get("/tasks")
def tasks(who: Who, at: TheDesk) -> list[dict[str, Any]]:
    """How far the caller is with the assignments of the courses they learn."""
    return _tasks(at, who)


@router.get("/people/{name}/tasks")
def tasks_of(
    name: str,
    at: TheDesk,
    caller: Annotated[str, service_with(TASKS)],
    course: Annotated[list[str] | None, Query()] = None,
) -> list[dict[str, Any]]:
    """How far somebody is with the assignments of the courses they learn (services)."""
    return _tasks(at, Person(checked(name), frozenset(map(checked, course or [])), frozenset()))


@router.get("/titles")
def titles(
    at: TheDesk, caller: Annotated[str, service_with(TASKS)], course: Annotated[list[str] | None, Query()] = None
) -> dict[str, dict[str, str]]:
    """What people call courses, by course and language (services)."""
    return {one: at.folder(one).titles for one in course or []}


def _tasks(at: Desk, who: Person) -> list[dict[str, Any]]:
    return [
        {"course": one, "course_titles": titles, "assignment": task.name, "title": task.title, "state": task.state,
         "times": task.times, "submitted_at": task.submitted_at, "notebooks": task.notebooks, "released": task.released}
        | ({"feedback": task.feedback.id} if task.feedback else {})
        for one, titles in ((one, at.folder(one).titles) for one in sorted(who.learns))
        for task in own_tasks(at, who, one)
    ]  # fmt: skip
