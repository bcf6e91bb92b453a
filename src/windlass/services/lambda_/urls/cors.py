"""Cross-origin requests to a function URL: what is configured, in place of what the function says. Pure.

Source: Lambda developer guide, "Cross-origin resource sharing (CORS)" of function URLs; Fetch standard, CORS
protocol. Configured headers replace the function's own, also for an origin that is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.services.lambda_.urls.model import Cors

Headers = tuple[tuple[str, str], ...]
_PREFIX = "access-control-"
ANY = "*"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks if it may send a request, without sending it."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(cors: Cors, headers: Mapping[str, str]) -> Headers:
    """The answer's headers; none of CORS when the origin may not."""
    allowed = _origin(cors, headers.get("origin", ""))
    if not allowed:
        return ()
    wanted = headers.get("access-control-request-headers", "")
    shown: list[tuple[str, str]] = [*allowed]
    if cors.allow_methods:
        method = headers.get("access-control-request-method", "")
        shown.append((f"{_PREFIX}allow-methods", _list(cors.allow_methods, method, cors.allow_credentials)))
    if cors.allow_headers:
        shown.append((f"{_PREFIX}allow-headers", _list(cors.allow_headers, wanted, cors.allow_credentials)))
    if cors.max_age_s is not None:
        shown.append((f"{_PREFIX}max-age", str(cors.max_age_s)))
    return tuple(shown)


def applied(cors: Cors | None, request: Mapping[str, str], response: Headers) -> Headers:
    """The response's headers with those of the configuration instead of the function's."""
    if cors is None:
        return response
    kept = tuple((name, value) for name, value in response if not name.lower().startswith(_PREFIX))
    allowed = _origin(cors, request.get("origin", ""))
    if not allowed:
        return kept
    exposed: Headers = ()
    if cors.expose_headers:
        exposed = ((f"{_PREFIX}expose-headers", ",".join(cors.expose_headers)),)
    return (*kept, *allowed, *exposed)


def _origin(cors: Cors, origin: str) -> Headers:
    """The headers that let this origin in; empty when it may not. Credentials need its very name."""
    if not origin or not (ANY in cors.allow_origins or origin in cors.allow_origins):
        return ()
    if ANY in cors.allow_origins and not cors.allow_credentials:
        return ((f"{_PREFIX}allow-origin", ANY),)
    named = ((f"{_PREFIX}allow-origin", origin), ("vary", "Origin"))
    return (*named, (f"{_PREFIX}allow-credentials", "true")) if cors.allow_credentials else named


def _list(allowed: Iterable[str], asked: str, credentials: bool) -> str:
    """`*` means nothing in a request with credentials: then what was asked for is named."""
    return asked if credentials and ANY in allowed and asked else ",".join(allowed)
