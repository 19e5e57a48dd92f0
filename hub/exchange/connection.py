"""Calls to the classroom service with short timeouts: a slow service must not freeze a Jupyter server.

The address comes from ``KAGA_CLASSROOM_URL``, the caller's identity from ``JUPYTERHUB_API_TOKEN``.
"""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hub.classroom.package import MAX_UNPACKED
from hub.settings import DEFAULTS

DEFAULT_URL = f"http://127.0.0.1:{DEFAULTS['KAGA_CLASSROOM_PORT']}/services/classroom"
CONNECT_SECONDS, ANSWER_SECONDS, UPLOAD_SECONDS = 2.0, 8.0, 30.0


class Unreachable(Exception):
    """The classroom did not answer in time."""


class Refused(Exception):
    """The classroom said no; the text is for people, Japanese first."""

    def __init__(self, status: int, code: str, ja: str, en: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{ja} / {en} [{code}]")


def path(*parts: str) -> str:
    """A path with each part percent-encoded."""
    return "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True)
class Connection:
    """The classroom at `url` with one person's `token`."""

    url: str
    token: str

    @classmethod
    def from_environment(cls) -> Connection:
        """As the hub set this server up."""
        return cls(
            os.environ.get("KAGA_CLASSROOM_URL", DEFAULT_URL).rstrip("/"), os.environ.get("JUPYTERHUB_API_TOKEN", "")
        )

    def call(
        self, method: str, where: str, body: bytes | None = None, seconds: float = ANSWER_SECONDS,
        command: str = "", **query: str,
    ) -> bytes:  # fmt: skip
        """The body of the answer; :class:`Refused` or :class:`Unreachable` otherwise."""
        address = urlsplit(self.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        line = kind(address.hostname or "127.0.0.1", address.port, timeout=CONNECT_SECONDS)
        headers = {"Authorization": f"token {self.token}"} | ({"X-Command-Id": command} if command else {})
        target = f"{address.path}/api/{where}" + (f"?{urlencode(query)}" if query else "")
        try:
            line.connect()
            line.sock.settimeout(seconds)
            line.request(method, target, body=body, headers=headers)
            answer = line.getresponse()
            data = answer.read(MAX_UNPACKED + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"教室サービスから返事がありません。少し待って、もう一度ためしてください。 / The classroom service "
                f"does not answer ({type(error).__name__}); wait a little and try again. [classroom_down]"
            ) from error
        finally:
            line.close()
        if answer.status >= 400:
            raise _refused(answer.status, data)
        return data

    def ask(self, method: str, where: str, body: bytes | None = None, **options: Any) -> Any:
        """The answer as JSON."""
        data = self.call(method, where, body, **options)
        try:
            return json.loads(data)
        except ValueError as error:
            raise Unreachable(
                "教室サービスの返事を読めません。 / The classroom's answer cannot be read. [bad_answer]"
            ) from error


def _refused(status: int, data: bytes) -> Refused:
    try:
        told = json.loads(data)
        return Refused(status, str(told["code"]), str(told["ja"]), str(told["en"]))
    except (ValueError, KeyError, TypeError):
        ja, en = f"教室サービスが断りました（{status}）。", f"The classroom refused ({status})."
        return Refused(status, "refused", ja, en)
