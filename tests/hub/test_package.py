"""Packages from anyone are bounded; the service answers clearly while the hub is down."""

import io
import zipfile

import pytest
from fastapi.testclient import TestClient

from hub.classroom.package import MAX_FILES, pack, unpack
from hub.classroom.refusals import Refusal
from hub.classroom.service import Settings, create_app


def zipped(*names, link=False):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name in names:
            entry = zipfile.ZipInfo(name)
            if link:
                entry.external_attr = 0o120777 << 16
            package.writestr(entry, b"x")
    return made.getvalue()


def test_a_package_comes_back_as_it_went_and_is_the_same_each_time():
    files = {"もんだい２.ipynb": b"{}", "data/測定.csv": b"1"}
    assert unpack(pack(files)) == files
    assert pack(files) == pack(dict(reversed(files.items())))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 garbage",
        zipped("../up.ipynb"),
        zipped("/etc/passwd"),
        zipped("a/../../b"),
        zipped("link", link=True),
        zipped(*[f"f{n}" for n in range(MAX_FILES + 1)]),
    ],
)
def test_a_hostile_package_is_refused(data):
    with pytest.raises(Refusal):
        unpack(data)


def test_a_bomb_is_refused():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("big", bytes(80 * 1024 * 1024))
    with pytest.raises(Refusal):
        unpack(made.getvalue())


def test_without_a_hub_nobody_gets_in_and_the_service_says_so(tmp_path):
    settings = Settings(data=tmp_path, hub_api="http://127.0.0.1:9/hub/api", service_token="t" * 32)
    with TestClient(create_app(settings)) as client:
        answer = client.get("/services/classroom/api/me", headers={"authorization": "token " + "a" * 32})
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"]
