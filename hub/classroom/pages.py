"""Pages for browsers: the student's work and feedback, the teacher's course. Plain forms, no scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.concurrency import run_in_threadpool

from hub.classroom.api import body
from hub.classroom.api import desk as the_desk
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.names import checked
from hub.classroom.overview import TeacherTask, local, own_tasks, task_title, teacher_tasks
from hub.classroom.refusals import Refusal
from hub.classroom.session import Session, guard
from hub.classroom.words import LANGUAGES, Words

router = APIRouter()
MAX_FORM = 16 * 1024
LANGUAGE_COOKIE = "lang"  # one for all pages of the platform
ACTS = ("release", "collect", "grade", "give_back")
SAID = tuple(f"said_{act}" for act in (*ACTS, "give_back_failed"))
# Feedback holds what a student produced: it gets an origin of its own, no scripts, nothing from elsewhere.
FEEDBACK_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
templates = Jinja2Templates(Path(__file__).with_name("templates"))


async def visitor(request: Request) -> tuple[Person, Session]:
    """The signed-in person and their session."""
    found: tuple[Person, Session] = await request.app.state.sessions.who(request)
    return found


Visitor = Annotated[tuple[Person, Session], Depends(visitor)]


async def filled_in(request: Request, visitor: Visitor) -> dict[str, str]:
    """The fields of a sent form, read only from signed-in people."""
    data = await body(request, MAX_FORM)
    try:
        return dict(parse_qsl(data.decode("ascii"), max_num_fields=20, strict_parsing=True, errors="strict"))
    except ValueError as error:
        raise Refusal("bad_request", "form") from error


def words_for(request: Request) -> Words:
    """The language asked for in the address, else the remembered one, else Japanese."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
    return Words(asked)


def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """A rendered page; a language asked for in the address is remembered."""
    words, prefix = words_for(request), request.app.state.settings.prefix
    kept = {key: value for key, value in request.query_params.items() if key in ("said", "assignment", "n", "failed")}
    other = "?" + urlencode(kept | {"lang": words("language_code")})
    values |= {"t": words, "prefix": prefix, "other_language": other, "quote": lambda text: quote(text, safe="")}
    values["title_of"] = lambda course: the_desk(request).folder(course).titles[words.language]
    if values.get("who"):
        values["me"] = request.app.state.identity.nickname(values["who"])
    response = templates.TemplateResponse(request, name, values, status_code=status)
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, words.language, max_age=365 * 86400, path="/", httponly=True, samesite="lax"
        )
    return response


def refused(request: Request, refusal: Refusal) -> Response:
    """The page of a refusal."""
    text = refusal.ja if words_for(request).language == "ja" else refusal.en
    return page(request, "refused.html", refusal.status, text=text, code=refusal.code)


@router.get("/oauth_callback")
async def oauth_callback(request: Request) -> Response:
    """The hub sends the browser back to here."""
    response: Response = await request.app.state.sessions.end(request)
    return response


@router.get("/", response_class=HTMLResponse)
def home(request: Request, visitor: Visitor) -> Response:
    """A student's assignments, and the courses a teacher teaches."""
    who, _ = visitor
    if len(who.teaches) == 1 and not who.learns:
        query = f"?{request.url.query}" if request.url.query else ""
        course = quote(next(iter(who.teaches)), safe="")
        return RedirectResponse(f"{request.app.state.settings.prefix}teach/{course}{query}", 303)
    learning = {course: own_tasks(the_desk(request), who, course) for course in sorted(who.learns)}
    return page(request, "home.html", who=who, learning=learning)


@router.get("/feedback/{course}/{number}", response_class=HTMLResponse)
def feedback(request: Request, course: str, number: int, visitor: Visitor) -> Response:
    """What came back for one of the student's submissions."""
    who, _ = visitor
    desk = the_desk(request)
    pages = desk.feedback(who, course, number)
    items = desk.own(who, course) if course not in who.teaches else desk.handed_in(who, course)
    item = next(item for item in items if item.id == number)
    notebooks = sorted(name.removesuffix(".html") for name in pages)
    when = local(item.submitted_at)
    sums = desk.summary(who, course, number)
    title = task_title(desk, who, course, item.assignment)
    return page(
        request, "feedback.html", who=who, course=course, item=item, notebooks=notebooks, when=when, sums=sums,
        title=title, own=item.student == who.name, called=_called(request, course),
    )  # fmt: skip


@router.get("/feedback/{course}/{number}/{notebook}")
def feedback_sheet(request: Request, course: str, number: int, notebook: str, visitor: Visitor) -> Response:
    """The rendered notebook, as a document without any rights."""
    who, _ = visitor
    pages = the_desk(request).feedback(who, course, number)
    if f"{notebook}.html" not in pages:
        raise Refusal("unknown_submission")
    headers = {"Content-Security-Policy": FEEDBACK_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(pages[f"{notebook}.html"], headers=headers)


@router.get("/teach/{course}", response_class=HTMLResponse)
def teach(request: Request, course: str, visitor: Visitor) -> Response:
    """All assignments of a course with what can be done next."""
    who, session = visitor
    who.teacher(course)
    roster = request.app.state.identity.roster(course)
    tasks = teacher_tasks(the_desk(request), who, course, roster)
    return page(
        request, "teach.html", who=who, course=course, tasks=tasks, roster=roster, csrf=session.csrf,
        refresh=any(task.busy for task in tasks), said=_said(request, tasks), called=_called(request, course),
    )  # fmt: skip


@router.get("/teach/{course}/scores.csv")
def scores(request: Request, course: str, visitor: Visitor) -> Response:
    """Scores for a spreadsheet; the mark at the start lets Excel read the Japanese."""
    text = "\ufeff" + the_desk(request).scores(visitor[0], course)
    name = quote(f"{course}.csv", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/teach/{course}/assignments/{assignment}", response_class=HTMLResponse)
def assignment_page(request: Request, course: str, assignment: str, visitor: Visitor) -> Response:
    """One assignment, student by student."""
    who, session = visitor
    who.teacher(course)
    roster = request.app.state.identity.roster(course)
    found = [task for task in teacher_tasks(the_desk(request), who, course, roster) if task.name == assignment]
    if not found:
        raise Refusal("unknown_assignment", assignment)
    return page(
        request, "assignment.html", who=who, course=course, task=found[0], csrf=session.csrf,
        refresh=found[0].busy, said=_said(request, found), called=_called(request, course),
    )  # fmt: skip


def _called(request: Request, course: str) -> Callable[[str], str]:
    """How a page calls a person of the course: by nickname, else by name."""
    nicknames: dict[str, str] = request.app.state.identity.nicknames(course)
    return lambda name: nicknames.get(name, name)


def _said(request: Request, tasks: list[TeacherTask]) -> str:
    """The sentence about the act just done; its parts come from the address and are only ever shown as text."""
    query = request.query_params
    if query.get("said") not in SAID:
        return ""
    parts = {key: query.get(key, "")[:100] for key in ("assignment", "n", "failed")}
    parts["assignment"] = next((task.title for task in tasks if task.name == parts["assignment"]), parts["assignment"])
    return words_for(request)(query["said"], **parts)


@router.post("/teach/{course}")
async def act(
    request: Request, course: str, visitor: Visitor, form: Annotated[dict[str, str], Depends(filled_in)]
) -> Response:
    """Do one of the four steps for an assignment."""
    who, session = visitor
    guard(request, session, form.get("csrf", ""))
    act, assignment = form.get("act", ""), form.get("assignment", "")
    if act not in ACTS:
        raise Refusal("bad_request", act)
    said = await run_in_threadpool(_do, the_desk(request), who, course, checked(assignment), act)
    back = f"{request.app.state.settings.prefix}teach/{quote(course, safe='')}?{urlencode(said)}"
    return RedirectResponse(back, 303)


def _do(desk: Desk, who: Person, course: str, assignment: str, act: str) -> dict[str, str]:
    said = {"said": f"said_{act}", "assignment": assignment}
    if act == "release":
        desk.make_and_release(who, course, assignment)
    elif act == "collect":
        said["n"] = str(len(desk.collect(who, course, assignment)))
    elif act == "grade":
        said["n"] = str(len(desk.grade(who, course, assignment)))
    else:
        given, failed = desk.give_feedback(who, course, assignment)
        said["n"] = str(len(given))
        if failed:
            said |= {"said": "said_give_back_failed", "failed": str(len(failed))}
    return said
