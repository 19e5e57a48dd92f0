"""The classroom service: one FastAPI application behind the hub's proxy at ``/services/classroom/``.

    python -m hub.classroom.service      # with the environment of hub/settings.py
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

import hub.settings
from hub.classroom import api, pages
from hub.classroom.desk import Desk
from hub.classroom.identity import Identity
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits
from hub.classroom.session import Sessions, SignIn
from hub.classroom.uploads import Uploads
from hub.settings import BadSetting

PREFIX = "/services/classroom/"
STATIC = Path(__file__).resolve().parents[1] / "static"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Settings:
    """What the application needs to know. `hub_api` is the hub's API, seen from here."""

    data: Path
    hub_api: str
    service_token: str
    threads: int = 2
    secure_cookies: bool = False
    limits: Limits | None = None
    prefix: str = PREFIX


def create_app(settings: Settings) -> FastAPI:
    """The application; its workers run while it serves."""
    desk = Desk(settings.data, settings.threads, settings.limits)
    identity = Identity(settings.hub_api, settings.service_token, settings.prefix)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.worker.start()
        yield
        desk.worker.stop()

    app = FastAPI(title="classroom", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.settings, app.state.desk, app.state.identity = settings, desk, identity
    app.state.uploads = Uploads()
    app.state.sessions = Sessions(identity, settings.prefix, settings.secure_cookies)
    root = APIRouter(prefix=settings.prefix.rstrip("/"))
    root.include_router(api.router)
    root.include_router(pages.router)
    root.add_api_route("/health", lambda: {"ok": True}, methods=["GET"])
    app.include_router(root)
    app.mount(f"{settings.prefix}static", StaticFiles(directory=STATIC, packages=[("look", "static")]))
    app.middleware("http")(_headers)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _lost)
    app.add_exception_handler(SignIn, _sign_in)
    return app


async def _headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call(request)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if "/static/" not in request.url.path:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _answer(request: Request, refusal: Refusal) -> Response:
    if "/api/" in request.url.path:
        return JSONResponse(refusal.as_json(), refusal.status)
    return pages.refused(request, refusal)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _answer(request, error)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    where = ", ".join(".".join(map(str, item["loc"])) for item in error.errors()[:3])
    return _answer(request, Refusal("bad_request", where))


async def _lost(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = Refusal("not_here" if error.status_code == 404 else "bad_request", error.detail)
    return _answer(request, refusal)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignIn)
    response: Response = request.app.state.sessions.begin(error.after)
    return response


def main() -> int:
    """Serve until told to stop."""
    try:
        here = hub.settings.Settings.from_environment()
        settings = Settings(here.data, here.hub_api, here.token("classroom"), here.grading_threads, here.https)
    except BadSetting as error:
        sys.exit(f"classroom: {error.code}: {error}")
    uvicorn.run(create_app(settings), host=here.classroom_host, port=here.classroom_port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
