"""Run as a program: a real JupyterHub makes itself from the chart's hub values (stdin), as the official chart hands
them over, and says as JSON what it then knows. Nothing is served."""

import asyncio
import json
import sys
from pathlib import Path

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from traitlets.config import Config


def config(hub: dict) -> Config:
    """`hub` is the values' ``jupyterhub.hub``; the tokens are the ones the official chart would make."""
    c = Config()
    for name, given in hub["config"].items():
        c[name].update(given)
    c.JupyterHub.template_paths = hub["templatePaths"]
    c.JupyterHub.load_roles = [{"name": name, **role} for name, role in hub["loadRoles"].items()]
    c.JupyterHub.services = [
        {"name": name, "api_token": f"{name}-" + 32 * "t", **service} for name, service in hub["services"].items()
    ]
    for code in hub["extraConfig"].values():
        exec(code, {"c": c})
    c.JupyterHub.db_url = "sqlite:///hub.sqlite"
    c.JupyterHub.log_level = "ERROR"
    return c


async def main() -> None:
    app = JupyterHub(config=config(json.load(sys.stdin)))
    await app.initialize([])
    roles = {role.name: sorted(role.scopes) for role in app.db.query(orm.Role)}
    groups = {group.name: sorted(role.name for role in group.roles) for group in app.db.query(orm.Group)}
    clients = {client.identifier: sorted(client.allowed_scopes) for client in app.db.query(orm.OAuthClient)}
    services = {service.name: service.url for service in app._service_map.values()}
    told = {"roles": roles, "groups": groups, "clients": clients, "services": services}
    told["authenticator"] = type(app.authenticator).__name__
    told["roster"] = Path(app.authenticator.roster.engine.url.database).parent.as_posix()
    print(json.dumps(told))


asyncio.run(main())
