"""The chart says the same as the code: roles, scopes, addresses, options, variables; a real hub accepts its values."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import ROOT, SOURCE, Chart, copied
from references import of_kind, pods

from hub import roles
from hub.settings import TABLE
from robolev.cli import robolev

VALUES = yaml.safe_load((SOURCE / "values.yaml").read_text("utf-8"))
HUB = VALUES["jupyterhub"]["hub"]
SINGLEUSER = VALUES["jupyterhub"]["singleuser"]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    chart: Chart = copied(tmp_path_factory.mktemp("values"))
    return chart.render("everything.yaml")


def container(things: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(c for pod in pods(things) for c in pod["spec"]["containers"] if c["name"] == name)


def test_roles_and_scopes_are_the_hubs_own():
    own = [{key: role[key] for key in role if key != "description"} for role in roles.load_roles()]
    assert [{"name": name, **role} for name, role in HUB["loadRoles"].items()] == own
    assert HUB["config"]["JupyterHub"]["custom_scopes"] == roles.CUSTOM_SCOPES
    assert HUB["config"]["Spawner"]["server_token_scopes"] == list(roles.SERVER_TOKEN_SCOPES)


def test_a_real_hub_accepts_the_values(tmp_path):
    given = HUB | {"templatePaths": [str(ROOT / "hub" / "templates")]}
    env = os.environ | {"KAGA_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "console").write_text("t" * 32)  # as the volume console-token brings it
    program = Path(__file__).with_name("hub_from_values.py")
    command, text = [sys.executable, str(program)], json.dumps(given)
    done = subprocess.run(command, cwd=tmp_path, env=env, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["authenticator"] == "RosterAuthenticator" and told["roster"] == str(tmp_path / "hub")
    for role in roles.ROLES:
        assert set(role.scopes) <= set(told["roles"][role.name])
        assert all(role.name in told["groups"][group] for group in role.groups)
    assert told["services"] == {"classroom": "http://classroom:8101", "robolev": "http://robolev:8200", "console": ""}
    assert {roles.SCORE, roles.DESK} <= set(told["clients"]["service-robolev"])
    assert not {roles.SCORE, roles.DESK} & set(told["clients"]["service-classroom"])


def test_a_services_sign_in_learns_what_it_needs():
    learnt = {name: service.get("oauth_client_allowed_scopes") for name, service in HUB["services"].items()}
    who = list(roles.NAME_AND_GROUPS)
    assert learnt == {"classroom": who, "robolev": [*who, roles.SCORE, roles.DESK], "console": None}


def test_the_hub_asks_services_where_they_are(things):
    places = {s["metadata"]["name"]: s["spec"]["ports"][0]["port"] for s in of_kind(things, "Service")}
    told = [HUB["services"][name]["url"] for name in places]
    told += [part["extraEnv"]["KAGA_CLASSROOM_URL"] for part in (HUB, SINGLEUSER)]
    told += [SINGLEUSER["extraEnv"]["KAGA_ROBOLEV_URL"], *container(things, "robolev")["args"]]
    found = {match for text in told for match in re.findall(r"http://(classroom|robolev):(\d+)", text)}
    assert found == {(name, str(port)) for name, port in places.items()}
    for part in (HUB, VALUES["jupyterhub"]["proxy"]["chp"], SINGLEUSER):
        rules = part["networkPolicy"]["egress"]
        led = {to["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for rule in rules for to in rule["to"]}
        assert led == places.keys() and {p["port"] for rule in rules for p in rule["ports"]} == set(places.values())


def test_a_students_pod_reaches_nothing_else():
    rules = SINGLEUSER["networkPolicy"]["egressAllowRules"]
    assert rules == {"nonPrivateIPs": False, "privateIPs": False, "cloudMetadataServer": False}


def test_the_command_line_takes_every_option(things):
    args = container(things, "robolev")["args"]
    options = {option for parameter in robolev.commands["serve"].params for option in parameter.opts}
    given = {arg.split("=")[0] for arg in args if arg.startswith("--")}
    assert args[:5] == ["python", "-m", "console.main", "robolev", "serve"]
    assert given <= options, given - options


def test_every_variable_is_read_by_the_code(things):
    given = {item["name"] for name in ("classroom", "robolev") for item in container(things, name)["env"]}
    given |= HUB["extraEnv"].keys() | SINGLEUSER["extraEnv"].keys()
    known = {name for name, _, _ in TABLE} | {"HOME"}
    files = [path for part in ("hub", "robolev", "curriculum") for path in (ROOT / part).rglob("*.py")]
    code = "".join(path.read_text("utf-8") for path in files)
    assert [name for name in given - known if f'"{name}"' not in code] == []


def test_the_readmes_first_administrator(tmp_path):
    code = re.findall(r'python -c "(.+)"$', (SOURCE / "README.md").read_text("utf-8"), re.M)
    env = os.environ | {"KAGA_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", *code], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.strip()) >= 10, done.stderr
