"""The pages: public standings, the desk, a referee's run."""

import json
import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from robolev.domain.run import END_REASONS
from robolev.web.incoming import Refused, form, language_of, same_origin
from robolev.web.rendering import Renderer
from robolev.web.sign_in import to_login
from robolev.web.venue import Venue
from robolev.web.views import board_view, division_view, lines_view, offered_teams, run_view


def router(venue: Venue, renderer: Renderer) -> APIRouter:
    """The addresses people open."""
    routes = APIRouter()
    tournament, divisions = venue.tournament, venue.tournament.ruleset.divisions

    @routes.get("/")
    def start() -> Response:
        return RedirectResponse(f"{venue.base}/public/{divisions[0]}")

    @routes.get("/public/{division}", response_class=HTMLResponse)
    def public(request: Request, division: str) -> Response:
        view = division_view(tournament, division)
        return renderer.page(request, "standings.html", view=view, divisions=divisions)

    @routes.get("/desk", response_class=HTMLResponse)
    def desk(request: Request) -> Response:
        if venue.person(request) is None:
            return to_login(venue, request)
        venue.may(request, None)
        roster = venue.roster()
        rows = board_view(tournament, language_of(request), roster)
        values: dict[str, Any] = {"runs": rows, "teams": offered_teams(tournament, roster)}
        values |= {"fresh": secrets.token_hex(8), "divisions": divisions}
        values |= {"virtual": venue.robots.programs is not None, "lines": lines_view(venue, language_of(request))}
        return renderer.page(request, "desk.html", **values)

    @routes.post("/desk/call")
    async def call(request: Request) -> Response:
        same_origin(request)
        actor = await run_in_threadpool(venue.may, request, "call")
        fields = await form(request)
        content: dict[str, Any] = {"do": "call"}
        content |= {name: fields.get(name, "").strip() for name in ("team", "division", "field")}
        content |= {"lang": fields["lang"]} if fields.get("lang") else {}
        # The form's own number makes a second press of the button the same call.
        run_id = f"r-{fields.get('fresh', '')[:40]}"
        if fields.get("virtual"):
            await run_in_threadpool(venue.robots.call, run_id, f"call-{run_id}", actor, content)
        else:
            robot = fields.get("robot", "0").strip() or "0"
            content["robot"] = int(robot) if robot.isdecimal() and len(robot) < 8 else robot
            await run_in_threadpool(tournament.command, run_id, f"call-{run_id}", actor, content)
        return RedirectResponse(f"{venue.base}/desk", 303)

    @routes.get("/desk/void/{run_id}", response_class=HTMLResponse)
    def ask_void(request: Request, run_id: str) -> Response:
        if venue.person(request) is None:
            return to_login(venue, request)
        venue.may(request, "void")
        view = run_view(venue, run_id, language_of(request))
        return renderer.page(request, "void.html", view=view, fresh=secrets.token_hex(8))

    @routes.post("/desk/void/{run_id}")
    async def void(request: Request, run_id: str) -> Response:
        same_origin(request)
        actor = await run_in_threadpool(venue.may, request, "void")
        fields = await form(request)
        tournament.run(run_id)
        seen = fields.get("seen", "")
        if not seen.isdecimal() or len(seen) > 9:
            raise Refused(422, "wrong_type", "seen: expected the version of the run that was looked at")
        asked = {"do": "void", "reason": fields.get("reason", "")}
        command_id = f"void-{fields.get('fresh', '')[:40]}"
        await run_in_threadpool(tournament.command, run_id, command_id, actor, asked, int(seen))
        return RedirectResponse(f"{venue.base}/desk", 303)

    @routes.get("/referee/{run_id}", response_class=HTMLResponse)
    def referee(request: Request, run_id: str) -> Response:
        if venue.person(request) is None:
            return to_login(venue, request)
        venue.may(request, None)
        view = run_view(venue, run_id, language_of(request))
        reasons = [reason for reason in END_REASONS if reason != "completed"]
        return renderer.page(request, "referee.html", view=view, view_json=json.dumps(view), reasons=reasons)

    return routes
