"""Requests as Lambda functions behind a load balancer get them, and what their answers come to. Pure.

Source: ELB User Guide, lambda-functions ("Use Lambda functions as targets"). Query parameters are handed over
as they came, encoded; header names in lower case. Bodies are text for text/*, JSON, JavaScript and XML
without a content encoding, else base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from windlass.fleet.proxy_messages import FunctionAnswer, FunctionCall
from windlass.services.elbv2.limits import BODY_BYTES_MAX

Pairs = tuple[tuple[str, str], ...]
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"})
"""Headers that are the proxy's to say."""


class BadAnswer(Exception):
    """The function's answer is none for a load balancer: the client gets 502."""


def event(call: FunctionCall, multi_value: bool) -> dict[str, Any]:
    """The event of a request. With `multi_value`, all values of a header or parameter; else the last."""
    headers = [(name.lower(), value) for name, value in call.headers]
    parameters = [_parameter(part) for part in call.query.split("&") if part]
    body, encoded = _body(call.body, dict(headers))
    made: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": call.pool}},
        "httpMethod": call.method,
        "path": call.path,
    }
    if multi_value:
        made["multiValueQueryStringParameters"] = _all(parameters)
        made["multiValueHeaders"] = _all(headers)
    else:
        made["queryStringParameters"] = dict(parameters)
        made["headers"] = dict(headers)
    return {**made, "body": body, "isBase64Encoded": encoded}


def answer(call: FunctionCall, payload: bytes, multi_value: bool) -> FunctionAnswer:
    """What the client gets of what the function returned. Raises BadAnswer."""
    if len(payload) > BODY_BYTES_MAX:
        raise BadAnswer(f"the function's answer is larger than {BODY_BYTES_MAX} bytes")
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"the function's answer is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise BadAnswer("the function's answer is no object")
    return FunctionAnswer(
        call.id, status=_status(read), headers=_headers(read, multi_value), body=_answered(read)
    )


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _all(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _body(body: bytes, headers: Mapping[str, str]) -> tuple[str, bool]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text = not body or kind.startswith("text/") or kind in _TEXT_TYPES
    if is_text and "content-encoding" not in headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _status(read: Mapping[str, Any]) -> int:
    status = read.get("statusCode")
    if isinstance(status, str) and re.fullmatch(r"\d{3}", status, re.ASCII):
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise BadAnswer("the function's answer has no valid statusCode")
    return status


def _headers(read: Mapping[str, Any], multi_value: bool) -> Pairs:
    name = "multiValueHeaders" if multi_value else "headers"
    given = read.get(name) or {}
    if not isinstance(given, dict):
        raise BadAnswer(f"{name} of the function's answer is no object")
    pairs = []
    for header, value in given.items():
        for one in value if multi_value and isinstance(value, list) else (value,):
            pairs.append((header, _text(one)))
    wrong = next((header for header, text in pairs if not _NAME.fullmatch(header) or not _plain(text)), None)
    if wrong is not None:
        raise BadAnswer(f"the function's answer has a header that cannot be sent: {wrong[:100]!r}")
    return tuple(pair for pair in pairs if pair[0].lower() not in _HOP)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(text: str) -> bool:
    return all(char == "\t" or (" " <= char <= "ÿ" and char != "\x7f") for char in text)


def _answered(read: Mapping[str, Any]) -> bytes:
    body = read.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise BadAnswer("the body of the function's answer is no text")
    if not read.get("isBase64Encoded"):
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer("the body of the function's answer is no base64") from error
