"""Nobody's browser is answered by another person's box, and no cookies of others come into one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator

import httpx
import pytest
import websocket
from hub_machine import Browser, Hub, running_hub

from hub.box import badge, gate, launcher
from hub.enter import below

GOOD = "himitsu-no-123"
KEY = "11" * 32
OWN = f"Cookie: a=1; kaga-box={badge.badge(KEY, 's1')}; jupyterhub-session-id=s1; b=2\r\n"
FORWARDED = "X-Forwarded-For: 10.0.0.1\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\n\r\nok"


def asked(*said: str | bytes, answer: bytes = OK, key: str = KEY) -> tuple[bytes, bytes]:
    """What the box read and what the caller read; `said` is sent piece by piece on one connection."""

    async def talk() -> tuple[bytes, bytes]:
        read = bytearray()

        async def box(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            read.extend(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            while data := await reader.read(1000):
                read.extend(data)
                if b"Upgrade" in read:
                    writer.write(data)
            writer.close()

        inside = await asyncio.start_server(box, "127.0.0.1", 0)
        where = inside.sockets[0].getsockname()
        handler = gate.before(key, lambda: asyncio.open_connection(*where, limit=gate.HEAD_BYTES))
        outside = await asyncio.start_server(handler, "127.0.0.1", 0, limit=gate.HEAD_BYTES)
        reader, writer = await asyncio.open_connection(*outside.sockets[0].getsockname())
        got = bytearray()
        for piece in said:
            writer.write(piece.encode() if isinstance(piece, str) else piece)
            await asyncio.sleep(0.05)
        if b"101" in answer:
            got += await reader.readuntil(b"pong")
            writer.close()
        with contextlib.suppress(TimeoutError, ConnectionError):
            while data := await asyncio.wait_for(reader.read(1000), 0.3):
                got += data
        writer.transport.abort()
        await asyncio.sleep(0.05)
        inside.close()
        outside.close()
        return bytes(read), bytes(got)

    return asyncio.run(talk())


def get(*headers: str, path: str = "/user/yuta/lab?a=%20b", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n" + "".join(headers) + "\r\n"


def test_the_owner_comes_in_without_the_badge_and_the_connection_is_for_once() -> None:
    read, got = asked(get(OWN, FORWARDED, "Connection: keep-alive\r\n"))
    assert b"cookie: jupyterhub-session-id" not in read and b"cookie: a=1; jupyterhub-session-id=s1; b=2" in read
    assert b"kaga-box" not in read and b"Connection: close" in read and b"keep-alive" not in read
    assert got.startswith(b"HTTP/1.1 200 OK\r\nconnection: close\r\n") and got.endswith(b"\r\n\r\nok")
    assert b"eep" not in got


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Cookie: a=1\r\n"],
        [OWN.replace("kaga-box=", "kaga-box=0")],
        [OWN.replace("kaga-box=", "kaga-box2=")],
        [OWN.replace("id=s1", "id=s2")],  # somebody else's sign-in at the same computer
        [OWN.replace("b=2", "jupyterhub-session-id=s2")],
        ["Cookie: kaga-box=; jupyterhub-session-id=\r\n"],
        [f"Cookie: jupyterhub-session-id=s1; kaga-box={badge.badge('22' * 32, 's1')}\r\n"],
        ["Cookie: a=1\r\n", "Authorization: Basic eDp5\r\n"],
    ],
)
def test_everybody_else_stays_outside(headers: list[str]) -> None:
    read, got = asked(get(FORWARDED, *headers))
    assert read == b"" and got.startswith(b"HTTP/1.1 403 ") and b"not_your_server" in got
    read, got = asked(get(FORWARDED, *headers, "Accept: text/html,*/*\r\n"))
    assert read == b"" and got.startswith(b"HTTP/1.1 302 ")
    assert b"Location: /hub/enter?next=/user/yuta/lab%3Fa%3D%2520b\r\n" in got


def test_a_token_comes_in_without_anybodys_cookies() -> None:
    read, _ = asked(get(FORWARDED, "Cookie: secret=1\r\n", "Authorization: token abc\r\n"))
    assert b"authorization: token abc" in read and b"secret" not in read


def test_the_hub_itself_asks_without_cookies_and_a_browser_beside_it_does_not() -> None:
    assert asked(get(path="/user/yuta/api"))[1].startswith(b"HTTP/1.1 200")
    assert asked(get("Cookie: a=1\r\n", path="/user/yuta/api"))[0] == b""


SECOND = get(FORWARDED, "Cookie: secret=1\r\n", path="/user/yuta/second")
BODY = "Content-Length: 4\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "first",
    [
        [get(OWN)],
        [get(OWN, BODY, method="POST") + "body"],
        [get(OWN, BODY, method="POST"), "bo", "dy"],
        [get(OWN, CHUNKED, method="POST") + "4;x=y\r\nbody\r\n0\r\n\r\n"],
        [get(OWN, "Connection: Upgrade\r\nUpgrade: websocket\r\n")],  # which the box does not take up
        [get(OWN, "Connection: Upgrade\r\nUpgrade: h2c\r\n")],
    ],
)
def test_no_second_request_comes_in(first: list[str]) -> None:
    for said in ([*first, SECOND], [*first[:-1], first[-1] + SECOND]):
        read, got = asked(*said)
        assert b"second" not in read and b"secret" not in read
        end = b"4\r\nbody\r\n0\r\n\r\n" if CHUNKED in first[0] else b"body" if BODY in first[0] else b"\r\n\r\n"
        assert read.endswith(end)
        assert b"onnection: close" in got or got == b""


@pytest.mark.parametrize(
    "said",
    [
        get(OWN, BODY, CHUNKED, method="POST") + "0\r\n\r\n",
        get(OWN, BODY, "Content-Length: 5\r\n", method="POST") + "body",
        get(OWN, "Content-Length: +4\r\n", method="POST") + "body",
        get(OWN, "X: a\n", "Cookie: a=1\r\n"),
        get(OWN, " folded\r\n"),
        "GET /user/yuta/ HTTP/2\r\n\r\n",
        "\x16\x03\x01 tls\r\n\r\n",
        get(OWN, "X: " + "x" * gate.HEAD_BYTES * 2 + "\r\n"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(said: str) -> None:
    read, got = asked(said)
    assert read == b"" and (got.startswith(b"HTTP/1.1 400 ") or got == b"")


def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "HEAD_SECONDS", 0.01)
    assert asked("GET /user/yuta/ HTTP/1.1\r\n")[1].startswith(b"HTTP/1.1 400 ")


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_websockets_go_through_and_none_that_was_not_asked_for() -> None:
    read, got = asked(get(OWN, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), "pong", answer=SWITCH)
    assert read.endswith(b"\r\n\r\npong") and got.endswith(b"pong") and b"connection: Upgrade" in got
    read, got = asked(get(OWN), SECOND, answer=SWITCH.replace(b"101", b"1O1"))
    assert b"second" not in read and got == b""


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\nConnection: keep-alive\r\n\r\nok", OK[:-4]])
def test_an_answer_that_is_none_is_not_passed_on(answer: bytes) -> None:
    assert asked(get(OWN), answer=answer)[1] == b""


@pytest.mark.parametrize(
    ("status", "kind", "kept"),
    [(200, b"Content-Type: text/html\r\n", False), (200, b"Content-Type: image/svg+xml\r\n", False), (200, b"", False),
     (200, b"Content-Type: text/css\r\nContent-Type: text/html\r\n", False), (404, b"Content-Type: a/b\r\n", False),
     (200, b"Content-Type: application/javascript; charset=utf-8\r\n", True), (304, b"Content-Type: a/b\r\n", True)],
)  # fmt: skip
def test_no_page_stays_in_the_browser_for_the_next_person(status: int, kind: bytes, kept: bool) -> None:
    said = b"HTTP/1.1 %d X\r\n%sCache-Control: max-age=9\r\nX-Content-Type-Options: x\r\n\r\n" % (status, kind)
    got = asked(get(OWN), answer=said)[1]
    assert (b"max-age" in got, b"no-store" in got) == (kept, not kept) and b"x-content-type-options: nosniff" in got
    assert b"a/b" not in got or status != 304


def test_no_service_worker_is_given_out() -> None:
    assert asked(get(OWN, "Service-Worker: script\r\n"))[0] == b""


def test_interim_answers_are_passed_on() -> None:
    got = asked(get(OWN), answer=b"HTTP/1.1 100 Continue\r\n\r\n" + OK)[1]
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\n")


@pytest.mark.parametrize(
    ("address", "is_below"),
    [("/user/yuta/lab?x=/../y", True), ("/user/yuta/", True), ("/user/yuta", False), ("/user/yutaka/", False),
     ("/user/yuta/../hana/", False), ("/user/yuta/%2e%2E/hana/", False), ("/user/yuta/\\..\\x", False),
     ("//user/yuta/", False), ("https://evil.example/user/yuta/", False), ("/user/hana/lab", False), ("", False),
     ("/user/yuta/\r\nX: y", False)],
)  # fmt: skip
def test_where_the_way_in_leads(address: str, is_below: bool) -> None:
    assert below("/user/yuta/", address) is is_below


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("gate") / "data"
    with running_hub(folder) as machine:
        try:
            for name, group in (("yuta", "students"), ("sensei", "teachers")):
                machine.roster.add(name, "", [group], GOOD)
            machine.sync()
            browser = Browser(machine.address)
            browser.sign_in("yuta", GOOD, "/hub/spawn")
            end = time.monotonic() + 90
            routes = f"http://127.0.0.1:{machine.ports['KAGA_PROXY_API_PORT']}/api/routes"
            own = {"Authorization": f"token {machine.token('proxy')}"}
            while "/user/yuta" not in httpx.get(routes, headers=own, trust_env=False).json():
                assert time.monotonic() < end, (folder / "hub.log").read_text()[-3000:]
                time.sleep(0.2)
            yield machine
        finally:
            launcher.end_all(folder)


def person(hub: Hub, name: str) -> Browser:
    browser = Browser(hub.address)
    browser.sign_in(name, GOOD)
    return browser


NAVIGATES, ASKS = {"Accept": "text/html"}, {"Accept": "application/json"}


def test_the_owners_browser_is_let_in_and_its_websockets_too(hub: Hub) -> None:
    yuta = person(hub, "yuta")
    page = yuta.http.get("/user/yuta/lab?reset", headers=NAVIGATES)
    assert page.status_code == 200 and str(page.url).endswith("/user/yuta/lab?reset")
    assert "jupyter-config-data" in page.text
    assert len([step for step in page.history if "/hub/enter" in step.headers["location"]]) == 1
    badges = [cookie for cookie in yuta.http.cookies.jar if cookie.name == badge.COOKIE]
    assert [(cookie.path, cookie.has_nonstandard_attr("HttpOnly")) for cookie in badges] == [("/user/yuta/", True)]
    mark = next(c.value for c in yuta.http.cookies.jar if c.name == "_xsrf" and c.path == "/user/yuta/")
    kernel = yuta.http.post("/user/yuta/api/kernels", json={}, headers={"X-XSRFToken": mark or ""}).json()["id"]
    sent = yuta.http.build_request("GET", "/user/yuta/").headers["cookie"]
    line = websocket.create_connection(
        f"{hub.address.replace('http', 'ws')}/user/yuta/api/kernels/{kernel}/channels", cookie=sent, timeout=30
    )
    message = {"header": {"msg_id": "1", "msg_type": "kernel_info_request", "session": "s", "username": ""}}
    line.send(json.dumps(message | {"parent_header": {}, "metadata": {}, "content": {}, "channel": "shell"}))
    while json.loads(line.recv())["msg_type"] != "kernel_info_reply":
        pass
    line.close()


def test_nobody_else_is_let_in_and_the_box_hears_nothing_of_them(hub: Hub) -> None:
    sensei, log = person(hub, "sensei"), hub.folder / "log" / "box-yuta.log"
    page = sensei.http.get("/user/yuta/lab/tree/secret-visit", headers=NAVIGATES)
    assert page.status_code == 403 and "このページを見ることはできません" in page.text
    assert sensei.http.get("/user/yuta/api/secret-visit", headers=ASKS).json()["code"] == "not_your_server"
    yuta = person(hub, "yuta")
    yuta.http.get("/user/yuta/lab", headers=NAVIGATES)
    stolen = next(cookie.value for cookie in yuta.http.cookies.jar if cookie.name == badge.COOKIE)
    sensei.http.cookies.set(badge.COOKIE, stolen or "", path="/user/yuta/")  # on a computer that both have used
    assert sensei.http.get("/user/yuta/api/secret-visit", headers=ASKS).status_code == 403
    assert Browser(hub.address).http.get("/user/yuta/lab/secret-visit", headers=NAVIGATES).url.path == "/hub/login"
    assert "secret-visit" not in log.read_text("utf-8", "replace")
    assert yuta.http.get("/user/yuta/api/secret-visit", headers=ASKS).status_code == 404


def test_a_session_id_from_before_the_sign_in_is_replaced(hub: Hub) -> None:
    browser = Browser(hub.address)
    browser.http.cookies.set(badge.SESSION, "put-there-by-somebody", domain="127.0.0.1", path="/")
    browser.sign_in("yuta", GOOD)
    assert [c.value for c in browser.http.cookies.jar if c.name == badge.SESSION] != ["put-there-by-somebody"]


def test_the_secret_is_made_once_and_for_our_eyes(hub: Hub) -> None:
    path = hub.folder / "hub" / badge.FILE
    assert path.stat().st_mode & 0o777 == 0o600 and len(path.read_bytes()) == badge.SECRET_BYTES
    keys = {badge.key(path.parent, name) for name in ("yuta", "hana", "yuta")}
    assert len(keys) == 2 and not list(path.parent.glob(f".{badge.FILE}*"))
