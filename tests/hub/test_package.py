"""Packages from anyone are bounded; the service answers clearly while the hub is down."""

import asyncio
import io
import json
import os
import threading
import time
import tracemalloc
import zipfile

import pytest
from fastapi.testclient import TestClient

from hub.classroom import desk
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.package import MAX_FILES, MAX_NOTEBOOK, MIB, notebooks_in, pack, replace_folder, stamped, unpack
from hub.classroom.refusals import Refusal
from hub.classroom.service import Settings, create_app
from hub.classroom.store import Store
from hub.classroom.uploads import Uploads


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


EMPTY = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
LEARNER = Person("aozora", frozenset({"c"}), frozenset())


@pytest.fixture
def classroom(tmp_path):
    made = Desk(tmp_path)
    made.store.release("c", "a", pack({"n.ipynb": EMPTY}), ["n"])
    return made


def test_a_small_upload_takes_little_memory():
    cell = b'{"source":[{},{},{},{},{},{},{},{},{},{}]},'
    worst = b'{"nbformat":4,"cells":[' + (cell * (MAX_NOTEBOOK // len(cell) - 1))[:-1] + b"]}"
    package = pack({f"n{number}.ipynb": worst for number in range(3)})
    assert len(package) < 100_000 and len(worst) > MAX_NOTEBOOK - 100
    tracemalloc.start()
    try:
        assert len(notebooks_in(unpack(package))) == 3
        assert tracemalloc.get_traced_memory()[1] < 128 * MIB
    finally:
        tracemalloc.stop()
    with pytest.raises(Refusal, match="too_large"):
        notebooks_in({"n.ipynb": worst + b" " * 200})


def test_few_notebooks_are_taken_that_were_not_released(classroom):
    def hand_in(*names):
        files = {f"{name}.ipynb": EMPTY for name in names}
        return classroom.submit(LEARNER, "c", "a", "command-" + "".join(names), pack(files)).notebooks

    assert hand_in("n", "x", "y", "z") == ["n", "x", "y", "z"]
    with pytest.raises(Refusal, match="too_many_files"):
        hand_in("n", "w", "x", "y", "z")


def test_two_packages_are_opened_at_a_time(classroom, monkeypatch):
    now, most, opened = [], [], desk.unpack

    def watched(package):
        now.append(1)
        most.append(len(now))
        time.sleep(0.05)
        now.pop()
        return opened(package)

    monkeypatch.setattr(desk, "unpack", watched)
    package = pack({"n.ipynb": EMPTY})
    threads = [
        threading.Thread(target=classroom.submit, args=(LEARNER, "c", "a", f"command-{n}", package)) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(classroom.own(LEARNER, "c", "a")) == 6 and max(most) == 2


def test_what_one_student_keeps_on_disk_is_bounded(classroom, monkeypatch):
    monkeypatch.setattr(desk, "MAX_KEPT", 3000)
    for number in range(2):
        package = pack({"n.ipynb": EMPTY, "x": os.urandom(1000), "number": bytes([number])})
        classroom.submit(LEARNER, "c", "a", f"command-{number}", package)
    classroom.submit(LEARNER, "c", "a", "command-again", package)  # the same content is kept once
    with pytest.raises(Refusal, match="too_much_kept") as refused:
        classroom.submit(LEARNER, "c", "a", "command-more", pack({"n.ipynb": EMPTY, "x": os.urandom(1000)}))
    assert refused.value.status == 413 and "先生" in refused.value.ja
    other = Person("koharu", frozenset({"c"}), frozenset())
    assert classroom.submit(other, "c", "a", "command-more", package).student == "koharu"


def test_one_upload_of_each_person_and_few_of_all():
    async def play():
        uploads, order = Uploads(most=2, patience=0.2), []

        async def send(name, seconds):
            async with uploads.turn(name):
                order.append(name)
                await asyncio.sleep(seconds)

        await asyncio.gather(send("a", 0.05), send("a", 0.05), send("b", 0.02))
        assert order == ["a", "b", "a"]
        found = await asyncio.gather(send("a", 1), send("b", 1), send("c", 0), send("a", 0), return_exceptions=True)
        assert [getattr(one, "code", None) for one in found] == [None, None, "busy", "busy"]
        await send("c", 0)  # every turn was given back

    asyncio.run(play())
