"""Names below the plane's own, by which function URLs, App Runner services and the like are reached. Pure.

Names below localhost mean this machine to curl and to browsers; an address has no names below it.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def below(name: str, endpoint: str) -> str:
    """Host and port of that name, below the one by which the plane was called.

    >>> below("abc.lambda-url.eu-west-1", "http://127.0.0.1:4566")
    'abc.lambda-url.eu-west-1.localhost:4566'
    """
    called = urlsplit(endpoint)
    port = f":{called.port}" if called.port else ""
    return f"{name}.{_domain(called.hostname or 'localhost')}{port}"


def _domain(name: str) -> str:
    try:
        ip_address(name)
    except ValueError:
        return name
    return "localhost"
