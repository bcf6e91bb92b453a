"""An HTTP request as the event that a function gets by its URL: payload format 2.0. Pure.

Source: Lambda developer guide, "Request payload format" of function URLs; recordings. Unverified, and so
settled here: a body without a content type is taken for bytes, and the cookie header stays beside `cookies`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from windlass.aws.wire import Request
from windlass.kernel.clock import MILLISECOND, SECOND, Instant
from windlass.services.lambda_.urls.model import FunctionUrl

_TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_SUFFIXES = ("+json", "+xml")
ANONYMOUS = "anonymous"


class Signer(Protocol):
    """Who signed a request; aws.calls.Caller."""

    @property
    def account(self) -> str: ...
    @property
    def arn(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def access_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at a URL: when, under which id, with which trace header; its caller if it was signed."""

    at: Instant
    request_id: str
    trace_id: str
    caller: Signer | None = None


def event(request: Request, url: FunctionUrl, arrival: Arrival) -> bytes:
    """The function's payload."""
    body, is_base64 = _body(request)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    if cookie := request.headers.get("cookie"):
        made["cookies"] = [one.strip() for one in cookie.split(";") if one.strip()]
    made["headers"] = _headers(request, arrival)
    if request.query:
        made["queryStringParameters"] = query_parameters(request.query)
    made["requestContext"] = _context(request, url, arrival)
    if request.body:
        made["body"] = body
    made["isBase64Encoded"] = is_base64
    return msgspec.json.encode(made)


def query_parameters(query: str) -> dict[str, str]:
    """Decoded; what comes more than once is joined.

    >>> query_parameters("a=1&a=2&b=x%20y&c")
    {'a': '1,2', 'b': 'x y', 'c': ''}
    """
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _headers(request: Request, arrival: Arrival) -> dict[str, str]:
    """The request's, and those that AWS adds; a client's word for where it comes from is not taken."""
    host = urlsplit(f"{request.scheme}://{request.headers.get('host', '')}")
    port = host.port or (443 if request.scheme == "https" else 80)
    return {
        **request.headers,
        "x-amzn-trace-id": arrival.trace_id,
        "x-forwarded-for": request.peer,
        "x-forwarded-port": str(port),
        "x-forwarded-proto": request.scheme,
    }


def _context(request: Request, url: FunctionUrl, arrival: Arrival) -> dict[str, Any]:
    whole = datetime.fromtimestamp(arrival.at // SECOND, UTC)
    context: dict[str, Any] = {
        "accountId": ANONYMOUS if arrival.caller is None else arrival.caller.account,
        "apiId": url.url_id,
    }
    if arrival.caller is not None:
        context["authorizer"] = {"iam": _iam(arrival.caller)}
    return context | {
        "domainName": request.headers.get("host", "").partition(":")[0],
        "domainPrefix": url.url_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{whole:%d/%b/%Y:%H:%M:%S} +0000",
        "timeEpoch": arrival.at // MILLISECOND,
    }


def _iam(caller: Signer) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.user_id,
    }


def _body(request: Request) -> tuple[str, bool]:
    """Text as it is, everything else in base64."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(_TEXTS) or kind.endswith(_TEXT_SUFFIXES):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), bool(request.body)
