"""The API: commands and runs for our pages, the live stream, and a team's own runs for its notebooks."""

import asyncio
import re
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from robolev.service.recorder import COLUMNS
from robolev.web.access import Person
from robolev.web.incoming import Refused, json_object, language_of, same_origin
from robolev.web.live import changes, robot_news
from robolev.web.venue import Venue
from robolev.web.views import division_view, my_run_view, run_view

BEARER = re.compile(r"(?:token|bearer)\s+([\x21-\x7e]{8,300})\s*", re.IGNORECASE)


def router(venue: Venue, stopping: asyncio.Event) -> APIRouter:
    """The addresses under /api and /healthz."""
    routes = APIRouter()
    tournament = venue.tournament

    @routes.get("/healthz")
    def health() -> dict[str, Any]:
        lines = {gateway.port.rpartition("/")[2]: gateway.health().state for gateway in venue.lines.all()}
        return {"ok": True, "gateways": lines}

    @routes.get("/api/runs/{run_id}")
    def show_run(request: Request, run_id: str) -> dict[str, Any]:
        venue.may(request, None)
        return run_view(venue, run_id, language_of(request))

    @routes.post("/api/runs/{run_id}/commands")
    async def command(request: Request, run_id: str) -> dict[str, Any]:
        same_origin(request)
        asked = await json_object(request)
        actor = await run_in_threadpool(venue.may, request, str(asked.get("do")))
        command_id, expected = asked.pop("command_id", None), asked.pop("expected", None)
        if expected is not None and (isinstance(expected, bool) or not isinstance(expected, int)):
            raise Refused(422, "wrong_type", "expected: expected a whole number or nothing")
        if asked.get("do") != "call":
            tournament.run(run_id)
        await run_in_threadpool(tournament.command, run_id, command_id, actor, asked, expected)
        return run_view(venue, run_id, language_of(request))

    @routes.get("/api/standings/{division}")
    def show_standings(division: str) -> dict[str, Any]:
        return division_view(tournament, division)

    @routes.get("/api/live")
    async def live() -> Response:
        return StreamingResponse(changes(tournament, stopping), media_type="text/event-stream")

    @routes.get("/api/live/{run_id}")
    async def live_run(request: Request, run_id: str) -> Response:
        await run_in_threadpool(venue.may, request, None)
        tournament.run(run_id)
        news = robot_news(venue, run_id, language_of(request))
        return StreamingResponse(changes(tournament, stopping, news), media_type="text/event-stream")

    def member(request: Request) -> Person:
        if venue.sessions is None:
            raise Refused(503, "no_hub", "expected a server with a hub (--hub), got one without")
        match = BEARER.fullmatch(request.headers.get("authorization", ""))
        if match is None:
            raise Refused(401, "bad_token", "expected a header Authorization: Bearer TOKEN")
        return venue.sessions.hub.person(match.group(1))

    @routes.get("/api/my/runs")
    def my_runs(request: Request) -> list[dict[str, Any]]:
        teams = member(request).teams
        mine = [name for name, run in tournament.runs().items() if run.team in teams]
        return [my_run_view(tournament, name) for name in reversed(mine)]

    @routes.get("/api/my/runs/{run_id}/telemetry")
    def my_telemetry(request: Request, run_id: str) -> dict[str, Any]:
        person = member(request)
        run = tournament.run(run_id)
        if run.team not in person.teams:
            raise Refused(403, "not_your_team", f"run {run_id}: expected a member of its team, got {person.name}")
        view = my_run_view(tournament, run_id)
        kept = {name: view[name] for name in ("run", "team", "rules_version", "kind")}
        return {"columns": list(COLUMNS), "rows": venue.recorder.rows(run_id), **kept}

    return routes
