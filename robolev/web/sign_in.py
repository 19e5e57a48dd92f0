"""Signing in and out: through the hub where there is one, with a role's code everywhere and always."""

from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from robolev.web.access import SESSION_S, TooManyTries
from robolev.web.hub import HubProblem
from robolev.web.incoming import form, same_origin
from robolev.web.rendering import Renderer
from robolev.web.sessions import STATE_S
from robolev.web.venue import CODE_COOKIE, SESSION_COOKIE, Venue

STATE_COOKIE = "robolev-state"


def router(venue: Venue, renderer: Renderer) -> APIRouter:
    """The addresses /login, /logout, /hub-login and /oauth_callback."""
    routes = APIRouter()
    path = venue.base or "/"

    @routes.get("/login", response_class=HTMLResponse)
    def login_page(request: Request) -> Response:
        after = _inside(venue.base, request.query_params.get("after", ""))
        return renderer.page(request, "login.html", wrong=None, hub=venue.sessions is not None, after=after)

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        same_origin(request)
        fields = await form(request)
        after = _inside(venue.base, fields.get("after", ""))
        values = {"hub": venue.sessions is not None, "after": after}
        try:
            address = request.client.host if request.client else ""
            cookie = venue.access.log_in(fields.get("code", "")[:100], address)
        except TooManyTries:
            return renderer.page(request, "login.html", 429, wrong="too_many_tries", **values)
        if cookie is None:
            return renderer.page(request, "login.html", 403, wrong="wrong_code", **values)
        return venue.keep(RedirectResponse(after, 303), CODE_COOKIE, cookie, SESSION_S)

    @routes.post("/logout")
    def log_out(request: Request) -> Response:
        same_origin(request)
        if venue.sessions is not None:
            venue.sessions.forget(request.cookies.get(SESSION_COOKIE))
        response = RedirectResponse(f"{venue.base}/login", 303)
        for name in (CODE_COOKIE, SESSION_COOKIE):
            response.delete_cookie(name, path=path)
        return response

    if venue.sessions is None:
        return routes
    sessions = venue.sessions

    @routes.get("/hub-login")
    def hub_login(request: Request) -> Response:
        if not sessions.hub.up():
            raise HubProblem("hub_down", "hub: expected an answer, got none; log in with a code")
        state, where = sessions.begin(_inside(venue.base, request.query_params.get("after", "")))
        return venue.keep(RedirectResponse(where, 302), STATE_COOKIE, state, STATE_S)

    @routes.get("/oauth_callback")
    async def from_hub(request: Request) -> Response:
        asked = request.query_params
        cookie = request.cookies.get(STATE_COOKIE, "")
        made, after = await run_in_threadpool(sessions.end, asked.get("state", ""), cookie, asked.get("code", ""))
        response = venue.keep(RedirectResponse(after, 302), SESSION_COOKIE, made, SESSION_S)
        response.delete_cookie(STATE_COOKIE, path=path)
        return response

    return routes


def to_login(venue: Venue, request: Request) -> Response:
    """Where somebody who is not signed in goes: straight to the hub while it is up, else to the page for codes."""
    page = "hub-login" if venue.sessions is not None and venue.sessions.hub.up() else "login"
    return RedirectResponse(f"{venue.base}/{page}?after={quote(request.url.path, safe='/')}")


def _inside(base: str, after: str) -> str:
    """An address of ours to go to after signing in; the desk for any other."""
    parts = urlsplit(after)
    ours = after.startswith(f"{base}/") and not after.startswith(("//", "/\\")) and "\\" not in after
    return parts.path if ours and not parts.netloc and not parts.scheme else f"{base}/desk"
