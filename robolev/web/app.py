"""The scoring server: commands in, one event stream out, pages in Japanese and English."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from robolev.domain.errors import RuleViolation
from robolev.store.journal import JournalError
from robolev.web import api, pages, sign_in
from robolev.web.hub import HubProblem
from robolev.web.incoming import Refused, language_of
from robolev.web.rendering import Renderer
from robolev.web.venue import Venue
from robolev.web.words import error_text

HERE = Path(__file__).parent
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
STATUS = {
    "conflict": 409,
    "command_reused": 409,
    "unknown_run": 404,
    "no_program": 409,
    "no_classroom": 409,
    "classroom_down": 503,
    "hub_down": 503,
    "bad_token": 401,
    "no_access": 403,
    "bad_state": 400,
}


def create_app(venue: Venue) -> FastAPI:
    """The application; the caller opens and closes the venue's parts."""
    stopping = asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        yield
        stopping.set()

    app = FastAPI(title="ROBOLEV", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stopping = stopping
    static = StaticFiles(directory=HERE / "static", packages=[("look", "static")])
    app.mount(f"{venue.base}/static", static, name="static")
    renderer = Renderer(HERE / "templates", venue)
    app.include_router(pages.router(venue, renderer), prefix=venue.base)
    app.include_router(api.router(venue, stopping), prefix=venue.base)
    app.include_router(sign_in.router(venue, renderer), prefix=venue.base)

    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for header, value in PAGE_HEADERS.items():
            response.headers.setdefault(header, value)
        if not request.url.path.startswith(f"{venue.base}/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def refusal(request: Request, status: int, code: str, detail: str) -> Response:
        message = error_text(language_of(request), code)
        if request.url.path.startswith(f"{venue.base}/api/"):
            return JSONResponse({"code": code, "message": message, "detail": detail}, status_code=status)
        return renderer.page(request, "refused.html", status, message=message, code=code, detail=detail)

    @app.exception_handler(Refused)
    def refused(request: Request, problem: Refused) -> Response:
        return refusal(request, problem.status, problem.code, str(problem))

    @app.exception_handler(HTTPException)
    def lost(request: Request, problem: HTTPException) -> Response:
        code = "not_here" if problem.status_code == 404 else "other"
        return refusal(request, problem.status_code, code, str(problem.detail))

    @app.exception_handler(RuleViolation)
    def violated(request: Request, problem: RuleViolation) -> Response:
        return refusal(request, STATUS.get(problem.code, 422), problem.code, str(problem))

    @app.exception_handler(JournalError)
    @app.exception_handler(HubProblem)
    def not_done(request: Request, problem: JournalError | HubProblem) -> Response:
        return refusal(request, STATUS.get(problem.code, 503), problem.code, str(problem))

    return app
