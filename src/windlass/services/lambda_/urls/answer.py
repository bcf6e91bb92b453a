"""What a function's result becomes as an HTTP answer: payload format 2.0, and the head of a stream. Pure.

Source: Lambda developer guide, "Response payload format" of function URLs; for streams the head that
awslambda.HttpResponseStream writes: JSON, then eight zero bytes. What is no valid answer is a 502.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from windlass.services.lambda_.urls.cors import Headers

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
"""Content type of a streamed response that begins with a head."""
PRELUDE_END = b"\x00" * 8
PRELUDE_BYTES_MAX = 16 * 1024
"""Longest head that is looked for. Ours."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade"}
)
"""Headers that belong to our connection with the client; a function's are left out."""
_BODILESS = (204, 304)


class BadAnswer(Exception):
    """The function's result says that it is an HTTP answer, and is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is empty where a stream follows."""

    status: int
    headers: Headers
    body: bytes = b""


def read(payload: bytes) -> Answer:
    """The answer in a buffered result. Raises BadAnswer.

    With a statusCode it is what it says it is; anything else is itself the body, as JSON.
    """
    try:
        given = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadAnswer("not JSON") from None
    if not isinstance(given, dict) or "statusCode" not in given:
        return Answer(200, (("content-type", "application/json"),), payload)
    head = _head(given)
    body = _body(given)
    return Answer(head.status, head.headers, b"" if head.status in _BODILESS else body)


class Prelude:
    """Looks for the head at the beginning of a stream; `feed` until it gives one."""

    def __init__(self) -> None:
        self._seen = bytearray()

    def feed(self, piece: bytes) -> tuple[Answer, bytes] | None:
        """The head and what follows on it; None while it is not complete. Raises BadAnswer."""
        self._seen += piece
        end = self._seen.find(PRELUDE_END)
        if end < 0:
            if len(self._seen) > PRELUDE_BYTES_MAX:
                raise BadAnswer("no head at the beginning of the stream")
            return None
        try:
            given = msgspec.json.decode(bytes(self._seen[:end]) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadAnswer("the head of the stream is not JSON") from None
        if not isinstance(given, dict):
            raise BadAnswer("the head of the stream is no object")
        return _head({"statusCode": 200, **given}), bytes(self._seen[end + len(PRELUDE_END) :])


def plain(content_type: str) -> Answer:
    """The head of a stream that has none."""
    return Answer(200, (("content-type", content_type or "application/octet-stream"),))


def _head(given: dict[str, Any]) -> Answer:
    headers = [*_headers(given.get("headers") or {})]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    cookies = given.get("cookies") or ()
    if not isinstance(cookies, list | tuple):
        raise BadAnswer("cookies is no list")
    headers += [("set-cookie", _value(cookie)) for cookie in cookies]
    return Answer(_status(given["statusCode"]), tuple(headers))


def _status(given: Any) -> int:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise BadAnswer("statusCode is no status of an answer")
    return given


def _headers(given: Any) -> list[tuple[str, str]]:
    if not isinstance(given, dict):
        raise BadAnswer("headers is no object")
    made = []
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise BadAnswer(f"{name!r} is no name of a header")
        if name.lower() not in _OF_THE_CONNECTION and value is not None:
            made.append((name.lower(), _value(value)))
    return made


def _value(given: Any) -> str:
    if isinstance(given, bool):
        given = "true" if given else "false"
    text = str(given) if isinstance(given, int | float) else given
    if not isinstance(text, str) or not _VALUE.fullmatch(text):
        raise BadAnswer("a header's value is no text on one line")
    return text


def _body(given: dict[str, Any]) -> bytes:
    body = given.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise BadAnswer("body is no string")
    if given.get("isBase64Encoded") is not True:
        return body.encode(errors="replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer("body is not base64") from None
