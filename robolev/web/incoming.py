"""What comes in with a request, bounded and checked."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from robolev.web.words import LANGUAGES

MAX_BODY = 64_000


class Refused(Exception):
    """A request that is answered with a status and a stable code."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


def language_of(request: Request) -> str:
    """The language asked for in the address, else in the cookie; a program may say it in its header."""
    asked = [request.query_params.get("lang"), request.cookies.get("lang")]
    if "authorization" in request.headers:
        asked.append(request.headers.get("accept-language", "")[:2])
    return next((str(name) for name in asked if name in LANGUAGES), LANGUAGES[0])


def same_origin(request: Request) -> None:
    """A form or script of another site must not act with our cookie."""
    origin = request.headers.get("origin")
    foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if foreign or (origin is not None and urlsplit(origin).netloc != request.headers.get("host")):
        raise Refused(403, "not_allowed", "expected a request from our own pages")


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name."""
    try:
        fields = parse_qs((await _body(request)).decode("utf-8"), max_num_fields=20, keep_blank_values=True)
    except ValueError:
        raise Refused(400, "wrong_type", "form: expected at most 20 fields of UTF-8 text") from None
    return {name: values[0] for name, values in fields.items()}


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object of a body."""
    try:
        found = json.loads(await _body(request), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", "body: expected JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "not_json", "body: expected a JSON object")
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(422, "wrong_type", "body: expected whole characters, got half of a surrogate pair") from None
    return found


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise Refused(413, "too_large", f"body: expected at most {MAX_BODY} bytes")
    return body


def _no_constant(name: str) -> Any:
    raise ValueError(name)
