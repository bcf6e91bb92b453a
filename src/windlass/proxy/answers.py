"""What the proxy itself answers: an Application Load Balancer's status codes, with small pages of our own.

App Runner's router answers in plain text. Pure. (facts/autoscaling-elb-events.md section 4.2)
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from windlass.proxy.framing import Headers

_OURS = {
    460: "Client Closed Request",
    463: "Too Many Forwarded Addresses",
    464: "Incompatible Protocol Versions",
    561: "Unauthorized",
}
_HINTS = {
    400: "The request could not be understood.",
    405: "This method is not taken here.",
    408: "The request did not come in time.",
    413: "The request body is larger than the target takes.",
    414: "The request line is longer than 16 KB.",
    421: "This host is not served on this connection.",
    429: "All instances are busy and their queues are full.",
    463: "X-Forwarded-For has more than 30 addresses.",
    464: "The target group takes another version of the protocol.",
    501: "Transfer-Encoding may only be chunked.",
    502: "The target gave no valid answer.",
    503: "No target is registered.",
    504: "The target did not answer in time.",
}


def reason(status: int) -> str:
    """The phrase of a status line."""
    if status in _OURS:
        return _OURS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


REASONS = {status: f"HTTP/1.1 {status} {reason(status)}\r\n".encode() for status in range(100, 1000)}
"""Status lines."""


def own(status: int, kind: Literal["alb", "apprunner"], server: bool, date: bytes) -> tuple[Headers, bytes]:
    """Headers (but the framing) and body of an answer of our own. `server`: whether to say who answers."""
    headers: Headers = [(b"Date", date)]
    hint = _HINTS.get(status, "")
    if kind == "apprunner":
        headers.append((b"Content-Type", b"text/plain"))
        return headers, f"{reason(status)}. {hint}\n".encode()
    if server:
        headers.insert(0, (b"Server", b"awselb/2.0"))
    headers.append((b"Content-Type", b"text/html"))
    title = f"{status} {reason(status)}"
    page = f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n"
    return headers, f"{page}<p>{hint}</p>\n".encode() if hint else page.encode()
