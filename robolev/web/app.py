"""The scoring server: commands in, one event stream out, pages in Japanese and English."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from robolev.domain.errors import RuleViolation
from robolev.domain.run import END_REASONS
from robolev.service.gateway import Gateway
from robolev.service.tournament import Tournament
from robolev.store.journal import JournalError
from robolev.web.access import ROLES, SESSION_S, Access, TooManyTries
from robolev.web.live import changes
from robolev.web.views import board_view, run_view, standings_view
from robolev.web.words import LANGUAGES, error_text, words

HERE = Path(__file__).parent
COOKIE = "robolev-role"
MAX_BODY = 64_000
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
STATUS = {"conflict": 409, "command_reused": 409, "unknown_run": 404}


class Refused(Exception):
    """A request that is answered with a status and a stable code."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


def create_app(tournament: Tournament, gateways: list[Gateway], access: Access) -> FastAPI:
    """The application; the caller starts and stops the gateways."""
    stopping = asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        yield
        stopping.set()

    app = FastAPI(title="ROBOLEV", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.stopping = stopping
    app.mount("/static", StaticFiles(directory=HERE / "static", packages=[("look", "static")]), name="static")
    pages = Jinja2Templates(directory=HERE / "templates")

    def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
        language = _language(request)
        common = {"say": words(language), "language": language, "role": _role(request, access)}
        response: Response = pages.TemplateResponse(request, name, {**common, **values}, status_code=status)
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie("lang", language, max_age=31_536_000, samesite="strict")
        return response

    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for header, value in PAGE_HEADERS.items():
            response.headers.setdefault(header, value)
        if not request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def refusal(request: Request, status: int, code: str, detail: str) -> Response:
        message = error_text(_language(request), code)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"code": code, "message": message, "detail": detail}, status_code=status)
        return page(request, "refused.html", status, message=message, code=code, detail=detail)

    @app.exception_handler(Refused)
    async def refused(request: Request, problem: Refused) -> Response:
        return refusal(request, problem.status, problem.code, str(problem))

    @app.exception_handler(RuleViolation)
    async def violated(request: Request, problem: RuleViolation) -> Response:
        return refusal(request, STATUS.get(problem.code, 422), problem.code, str(problem))

    @app.exception_handler(JournalError)
    async def not_written(request: Request, problem: JournalError) -> Response:
        return refusal(request, STATUS.get(problem.code, 503), problem.code, str(problem))

    @app.get("/")
    def start() -> Response:
        return RedirectResponse(f"/public/{tournament.ruleset.divisions[0]}")

    @app.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ok": True, "gateways": {Path(g.port).name: g.health().state for g in gateways}}

    @app.get("/login", response_class=HTMLResponse)
    def login_page(request: Request) -> Response:
        return page(request, "login.html", wrong=None)

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        _same_origin(request)
        fields = await _form(request)
        try:
            address = request.client.host if request.client else ""
            cookie = access.log_in(fields.get("code", "")[:100], address)
        except TooManyTries:
            return page(request, "login.html", 429, wrong="too_many_tries")
        if cookie is None:
            return page(request, "login.html", 403, wrong="wrong_code")
        response = RedirectResponse("/desk", 303)
        response.set_cookie(COOKIE, cookie, max_age=SESSION_S, httponly=True, samesite="strict")
        return response

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        _same_origin(request)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    def standings_of(division: str) -> dict[str, Any]:
        if division not in tournament.ruleset.divisions:
            raise Refused(404, "unknown_division", "expected one of " + " ".join(tournament.ruleset.divisions))
        return standings_view(tournament, division)

    @app.get("/public/{division}", response_class=HTMLResponse)
    def public(request: Request, division: str) -> Response:
        view = standings_of(division)
        return page(request, "standings.html", view=view, divisions=tournament.ruleset.divisions)

    @app.get("/desk", response_class=HTMLResponse)
    def desk(request: Request) -> Response:
        if (role := _role(request, access)) is None:
            return RedirectResponse("/login")
        rows = board_view(tournament, _language(request))
        fresh = secrets.token_hex(8)
        divisions = tournament.ruleset.divisions
        return page(request, "desk.html", runs=rows, fresh=fresh, divisions=divisions, may_call=role == "desk")

    @app.post("/desk/call")
    async def call(request: Request) -> Response:
        _same_origin(request)
        actor = _may(request, access, "call")
        fields = await _form(request)
        robot = fields.get("robot", "0").strip() or "0"
        content: dict[str, Any] = {"do": "call"}
        content |= {name: fields.get(name, "").strip() for name in ("team", "division", "field")}
        content["robot"] = int(robot) if robot.isdecimal() and len(robot) < 8 else robot
        # The form's own number makes a second press of the button the same call.
        run_id = f"r-{fields.get('fresh', '')[:40]}"
        await run_in_threadpool(tournament.command, run_id, f"call-{run_id}", actor, content)
        return RedirectResponse("/desk", 303)

    @app.get("/referee/{run_id}", response_class=HTMLResponse)
    def referee(request: Request, run_id: str) -> Response:
        if _role(request, access) is None:
            return RedirectResponse("/login")
        view = run_view(tournament, gateways, run_id, _language(request))
        reasons = [reason for reason in END_REASONS if reason != "completed"]
        return page(request, "referee.html", view=view, view_json=json.dumps(view), reasons=reasons)

    @app.get("/api/runs/{run_id}")
    def show_run(request: Request, run_id: str) -> dict[str, Any]:
        _may(request, access, None)
        return run_view(tournament, gateways, run_id, _language(request))

    @app.post("/api/runs/{run_id}/commands")
    async def command(request: Request, run_id: str) -> dict[str, Any]:
        _same_origin(request)
        asked = await _json(request)
        actor = _may(request, access, str(asked.get("do")))
        command_id, expected = asked.pop("command_id", None), asked.pop("expected", None)
        if expected is not None and (isinstance(expected, bool) or not isinstance(expected, int)):
            raise Refused(422, "wrong_type", "expected: expected a whole number or nothing")
        if asked.get("do") != "call":
            tournament.run(run_id)
        await run_in_threadpool(tournament.command, run_id, command_id, actor, asked, expected)
        return run_view(tournament, gateways, run_id, _language(request))

    @app.get("/api/standings/{division}")
    def show_standings(division: str) -> dict[str, Any]:
        return standings_of(division)

    @app.get("/api/live")
    async def live() -> Response:
        return StreamingResponse(changes(tournament, stopping), media_type="text/event-stream")

    return app


def _language(request: Request) -> str:
    for asked in (request.query_params.get("lang"), request.cookies.get("lang")):
        if asked in LANGUAGES:
            return str(asked)
    return LANGUAGES[0]


def _role(request: Request, access: Access) -> str | None:
    found = access.who(request.cookies.get(COOKIE))
    return found[0] if found else None


def _may(request: Request, access: Access, do: str | None) -> str:
    """The actor, when its role may ask this; reading (`do` None) is for every role."""
    found = access.who(request.cookies.get(COOKIE))
    if found is None:
        raise Refused(401, "not_logged_in", "expected a role's cookie; log in at /login")
    role, device = found
    known = {name for names in ROLES.values() for name in names}
    if do in known and do not in ROLES[role]:
        raise Refused(403, "not_allowed", f"{do}: expected another role than {role}")
    return f"{role}-{device}"


def _same_origin(request: Request) -> None:
    """A form or script of another site must not act with our cookie."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "not_allowed", "expected a request from our own pages")


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise Refused(413, "too_large", f"body: expected at most {MAX_BODY} bytes")
    return body


async def _form(request: Request) -> dict[str, str]:
    try:
        fields = parse_qs((await _body(request)).decode("utf-8"), max_num_fields=20, keep_blank_values=True)
    except ValueError:
        raise Refused(400, "wrong_type", "form: expected at most 20 fields of UTF-8 text") from None
    return {name: values[0] for name, values in fields.items()}


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await _body(request), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", "body: expected JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "not_json", "body: expected a JSON object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)

