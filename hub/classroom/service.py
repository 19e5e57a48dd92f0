"""The classroom service: one FastAPI application behind the hub's proxy at ``/services/classroom/``.

    KAGA_DATA=var KAGA_HUB_PORT=8000 KAGA_CLASSROOM_PORT=8101 python -m hub.classroom.service
"""

from __future__ import annotations

import os
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

from hub.classroom import api, pages
from hub.classroom.desk import Desk
from hub.classroom.identity import Identity
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits
from hub.classroom.session import Sessions, SignIn

PREFIX = "/services/classroom/"
STATIC = Path(__file__).resolve().parents[1] / "static"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Settings:
    """Where things are. `hub_api` is the hub's API, seen from here."""

    data: Path
    hub_api: str
    service_token: str
    port: int = 8101
    host: str = "127.0.0.1"
    threads: int = 2
    secure_cookies: bool = False
    limits: Limits | None = None
    prefix: str = PREFIX

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables of the README's table; the token from its file."""
        data = Path(os.environ.get("KAGA_DATA", "var")).resolve()
        token = data / "tokens" / "classroom"
        if not token.is_file():
            raise SystemExit(f"classroom: expected the service's token in {token}, found none. Do: ./kaga up")
        api = os.environ.get("KAGA_HUB_API") or f"http://127.0.0.1:{_number('KAGA_HUB_PORT', 8000)}/hub/api"
        return cls(
            data, api, token.read_text("utf-8").strip(), _number("KAGA_CLASSROOM_PORT", 8101),
            host=os.environ.get("KAGA_CLASSROOM_HOST") or "127.0.0.1",
            threads=_number("KAGA_GRADING_THREADS", max(1, min(4, os.cpu_count() or 1)), 1, 64),
            secure_cookies=os.environ.get("KAGA_HTTPS", "") == "1",
        )  # fmt: skip


def _number(name: str, default: int, least: int = 1, most: int = 65535) -> int:
    text = os.environ.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SystemExit(f"classroom: expected {name} between {least} and {most}, got {text!r}")
    return int(text)


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
    settings = Settings.from_environment()
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
