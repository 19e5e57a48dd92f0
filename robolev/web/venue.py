"""What the pages and the API work with, and who is asking."""

from dataclasses import dataclass

from fastapi import Request, Response

from robolev.service.lines import Lines
from robolev.service.recorder import Recorder
from robolev.service.tournament import Tournament
from robolev.service.virtual_robots import VirtualRobots
from robolev.web.access import ROLES, Access, Person
from robolev.web.incoming import Refused
from robolev.web.sessions import Sessions

CODE_COOKIE, SESSION_COOKIE = "robolev-role", "robolev-session"
DOES = frozenset(do for allowed in ROLES.values() for do in allowed)


@dataclass(frozen=True)
class Venue:
    """The parts of one server. `base` comes before every address; `sessions` is None where there is no hub.

    `https`: whether cookies may travel by https only.
    """

    tournament: Tournament
    lines: Lines
    recorder: Recorder
    robots: VirtualRobots
    access: Access
    sessions: Sessions | None
    base: str
    https: bool = False

    def keep(self, response: Response, name: str, value: str, seconds: int) -> Response:
        """Have the browser keep a cookie for our addresses."""
        path = self.base or "/"
        response.set_cookie(name, value, seconds, path=path, secure=self.https, httponly=True, samesite="lax")
        return response

    def person(self, request: Request) -> Person | None:
        """Who is asking: a code entered here comes before a session of the hub. May ask the hub, so not in the loop."""
        found = self.access.who(request.cookies.get(CODE_COOKIE))
        if found is None and self.sessions is not None:
            found = self.sessions.who(request.cookies.get(SESSION_COOKIE))
        return found

    def roster(self) -> tuple[str, ...]:
        """The teams the hub has on its roster; none where there is no hub. May ask the hub, so not in the loop."""
        return self.sessions.hub.teams() if self.sessions is not None else ()

    def may(self, request: Request, do: str | None) -> str:
        """The name for the record, when they may ask this; reading (`do` None) is for every role. Raises Refused."""
        person = self.person(request)
        if person is None:
            raise Refused(401, "not_logged_in", "expected somebody with a role; log in first")
        if not person.roles:
            raise Refused(403, "not_allowed", f"expected a role here, got none for {person.name}")
        if do in DOES and not person.may(do):
            raise Refused(403, "not_allowed", f"{do}: expected another role than {' '.join(sorted(person.roles))}")
        return person.name
