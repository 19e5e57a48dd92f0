"""Packages from anyone are bounded; the service answers clearly while the hub is down."""

import io
import zipfile

import pytest
from fastapi.testclient import TestClient

from hub.classroom.package import MAX_FILES, pack, replace_folder, stamped, unpack
from hub.classroom.refusals import Refusal
from hub.classroom.service import Settings, create_app
from hub.classroom.store import Store


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


def test_a_folder_is_replaced_as_a_whole_and_kept_when_the_new_one_cannot_be_made(tmp_path):
    target = tmp_path / "a" / "課題"
    replace_folder({"old.ipynb": b"1"}, target)
    replace_folder({"new/x.csv": b"2"}, target)
    assert [p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()] == ["new/x.csv"]
    with pytest.raises(Refusal):
        replace_folder({"../up": b"3"}, target)
    assert (target / "new" / "x.csv").read_bytes() == b"2"
    assert [p.name for p in target.parent.iterdir()] == ["課題"]


def test_a_submission_number_that_no_database_holds_is_none(tmp_path):
    store = Store(tmp_path)
    made = store.submit("c", "a", "さくら", "command-1", b"x", ["n"])
    assert [item.id for item in store.submitted("c", number=made.id)] == [made.id]
    assert [store.submitted("c", number=n) for n in (made.id + 1, 0, -1, 2**63, 10**400)] == [[]] * 5
    assert store.submitted("c", student="ゆうた", number=made.id) == []


@pytest.mark.parametrize("own", ["timestamp.txt", "timestamp.txt/x"])
def test_a_childs_own_timestamp_never_stops_the_collection(tmp_path, own):
    replace_folder(stamped(unpack(pack({"n.ipynb": b"{}", own: b"forged"})), "2026-11-24 UTC"), tmp_path / "t")
    assert (tmp_path / "t" / "timestamp.txt").read_text() == "2026-11-24 UTC\n"
