"""The hub: composes settings, people, roles, services, pages and boxes. What each is stands in its own module.

    python -m jupyterhub -f hub/jupyterhub_config.py      # with the environment of hub/settings.py

The proxy, the services and the students' boxes are siblings of this process: the hub may be started again at any time.
"""

import sys
from pathlib import Path

from jupyterhub.services.service import Service

from hub import roles
from hub.pages import template_vars
from hub.settings import BadSetting, Settings
from hub.sign_in import RosterAuthenticator

c = get_config()  # type: ignore[name-defined]  # noqa: F821
try:
    settings = Settings.from_environment()
    tokens = {name: settings.token(name) for name in ("proxy", "classroom", "robolev", "console")}
except BadSetting as error:
    sys.exit(f"hub: {error.code}: {error}")
settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

# -- addresses: people come through the proxy, everything else is on the loopback interface ------------------------
c.JupyterHub.bind_url = f"http://127.0.0.1:{settings.port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings.hub_port}"
c.JupyterHub.proxy_class = "configurable-http-proxy"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.proxy_api_port}"
c.ConfigurableHTTPProxy.auth_token = tokens["proxy"]
c.JupyterHub.cleanup_proxy = False

# -- files ----------------------------------------------------------------------------------------------------------
c.JupyterHub.db_url = f"sqlite:///{settings.folder / 'hub.db'}"
c.JupyterHub.cookie_secret_file = str(settings.folder / "cookie_secret")

# -- people ---------------------------------------------------------------------------------------------------------
c.JupyterHub.authenticator_class = RosterAuthenticator
c.RosterAuthenticator.folder = str(settings.folder)
c.RosterAuthenticator.refresh_pre_spawn = True
c.RosterAuthenticator.auth_refresh_age = 60
c.JupyterHub.cookie_max_age_days = 1
c.JupyterHub.tornado_settings = {"cookie_options": {"secure": True}} if settings.https else {}
c.JupyterHub.custom_scopes = roles.CUSTOM_SCOPES
c.JupyterHub.load_groups = roles.load_groups()
c.JupyterHub.load_roles = roles.load_roles()

# -- services: external, so that none of them can stop the hub ------------------------------------------------------
# From hub 6 on the hub would wait half a minute for each service that is down, before it answers anybody.
PATIENCE = {"timeout": 1} if Service.class_traits(input=True).get("timeout") else {}
CUSTOM = {"classroom": (), "robolev": (roles.SCORE, roles.DESK)}
c.JupyterHub.services = [
    {
        "name": name,
        "url": f"http://127.0.0.1:{port}",
        "api_token": tokens[name],
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": [*roles.NAME_AND_GROUPS, *CUSTOM[name]],
    }
    | PATIENCE
    for name, port in (("classroom", settings.classroom_port), ("robolev", settings.robolev_port))
]
c.JupyterHub.services.append({"name": "console", "api_token": tokens["console"], "display": False})

# -- students' servers ----------------------------------------------------------------------------------------------
c.JupyterHub.spawner_class = "hub.box.spawner.BoxSpawner"
c.Spawner.server_token_scopes = list(roles.SERVER_TOKEN_SCOPES)
c.Spawner.http_timeout = c.Spawner.start_timeout = settings.start_seconds
c.JupyterHub.concurrent_spawn_limit = settings.spawn_limit
c.JupyterHub.cleanup_servers = False  # boxes outlive a restart of the hub; who starts the hub ends them
c.JupyterHub.allow_named_servers = False

# -- pages ----------------------------------------------------------------------------------------------------------
c.JupyterHub.template_paths = [str(Path(__file__).with_name("templates"))]
c.JupyterHub.template_vars = template_vars()
c.JupyterHub.redirect_to_server = False
