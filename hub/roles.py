"""Who may do what on the hub: custom scopes, groups and roles, each with its reason. Nothing else grants a right.

Courses and teams are groups too (``course:<id>``, ``teach:<id>``, ``team:<name>``), but grant nothing at the hub:
the services read them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

SCORE, DESK = "custom:robolev:score", "custom:robolev:desk"
PROGRAMS, TASKS = "custom:classroom:programs", "custom:classroom:tasks"
CUSTOM_SCOPES = {
    SCORE: {"description": "Keep the score of official runs"},
    DESK: {"description": "Run the tournament: teams, queue, calls"},
    PROGRAMS: {"description": "Read the newest robot program a team handed in"},
    TASKS: {"description": "Read how far a student is with their assignments"},
}

ROLE_GROUPS = ("students", "teachers", "referees", "desk", "administrators")
COURSE, TEACH, TEAM = "course:", "teach:", "team:"
NICKNAMES = "nicknames"  # property of a course's groups: nickname by name
SERVICE_ACCESS = ("access:services!service=classroom", "access:services!service=robolev")
NAME_AND_GROUPS = ("read:users:name!user", "read:users:groups!user")


class Role(NamedTuple):
    """One role: who holds it (groups or services), its scopes, and why."""

    name: str
    scopes: tuple[str, ...]
    why: str
    groups: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


ROLES = (
    Role("user", ("self", *SERVICE_ACCESS), "everybody: own account and server, and both services decide the rest"),
    Role("referee", (SCORE,), "a referee keeps scores, and nothing else of the tournament", groups=("referees",)),
    Role("desk-staff", (DESK,), "the desk calls teams; it may not score", groups=("desk",)),
    Role(
        "administrator",
        ("admin-ui", "admin:users", "admin:servers", "admin:groups", "list:services", "read:services", SCORE, DESK),
        "the people page and the hub's own admin page; on the day an administrator may stand in for anybody, "
        "but does not get into other people's servers (no access:servers, no tokens)",
        groups=("administrators",),
    ),
    Role("classroom", ("list:groups", "read:groups"), "class lists and teams", services=("classroom",)),
    Role(
        "robolev",
        (PROGRAMS, "list:groups"),
        "the virtual robot runs what the team handed in; the desk is offered the names of teams, not who is in them",
        services=("robolev",),
    ),
    Role(
        "console",
        ("admin:users", "admin:groups", "list:services", TASKS),
        "the roster is written into the hub; a pupil's home page shows the next task",
        services=("console",),
    ),
)

# A student's code can read the token of its server: it must be worth little.
SERVER_TOKEN_SCOPES = ("users:activity!user", "access:servers!server", *SERVICE_ACCESS, *NAME_AND_GROUPS)


def load_roles() -> list[dict[str, Any]]:
    """The roles in the hub's form."""
    return [
        {"name": role.name, "description": role.why[:200], "scopes": list(role.scopes)}
        | ({"groups": list(role.groups)} if role.groups else {})
        | ({"services": list(role.services)} if role.services else {})
        for role in ROLES
    ]


def load_groups() -> dict[str, dict[str, list[str]]]:
    """The groups that roles are given to; members come from the roster."""
    return {name: {"users": []} for name in ROLE_GROUPS}
