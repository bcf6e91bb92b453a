"""Which requests never reach the gateway."""

from __future__ import annotations

import pytest

from windlass.front.admit import refused

HOST = {"host": "127.0.0.1:4566"}


@pytest.mark.parametrize(
    ("path", "headers", "peer", "admitted"),
    [
        ("/", HOST, "127.0.0.1", True),
        ("/", {"host": "windlass.example:4566"}, "10.0.0.9", True),
        ("/", HOST | {"origin": "https://evil.example"}, "127.0.0.1", False),
        ("/", HOST | {"origin": "null"}, "127.0.0.1", False),
        ("/", HOST | {"origin": "http://localhost:4566"}, "127.0.0.1", True),
        ("/", HOST | {"sec-fetch-site": "same-origin"}, "127.0.0.1", True),
        ("/", {"host": "rebound.example:4566", "sec-fetch-site": "same-origin"}, "127.0.0.1", False),
        ("/", {"host": "rebound.example", "origin": "http://127.0.0.1"}, "127.0.0.1", False),
        ("/_windlass/health", HOST, "127.0.0.1", True),
        ("/_windlass/health", HOST, "::1", True),
        ("/_windlass/reset", HOST, "10.0.0.9", False),
        ("/_windlass/reset", {"host": "[::1]:4566", "origin": "http://[::1]:4566"}, "::1", True),
    ],
)
def test_who_is_admitted(path: str, headers: dict[str, str], peer: str, admitted: bool) -> None:
    """SDKs from anywhere, pages only from this machine, the admin endpoints only from this machine."""
    assert (refused(path, headers, peer) is None) is admitted
