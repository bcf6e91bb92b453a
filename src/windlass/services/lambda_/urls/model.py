"""Function URLs as rows, and the names under which they are reached. Written by handlers/urls.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from windlass.aws.endpoint_names import below
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

AuthType: TypeAlias = Literal["NONE", "AWS_IAM"]
InvokeMode: TypeAlias = Literal["BUFFERED", "RESPONSE_STREAM"]
URL_ID_CHARS = 32
"""Characters of a URL's id: lower-case letters and digits."""
_HOST = re.compile(rf"([a-z0-9]{{{URL_ID_CHARS}}})\.lambda-url\.([a-z0-9-]+)\.[^:]+(:\d+)?")


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins may call; Lambda API reference, Cors. `max_age_s` None: not said."""

    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """The URL of a function, or of one of its aliases."""

    account: str
    region: str
    function: str
    uid: str
    """Of the function."""
    qualifier: str
    """An alias; empty: the function itself."""
    url_id: str
    auth_type: AuthType
    created_at: Instant
    last_modified: Instant
    invoke_mode: InvokeMode = "BUFFERED"
    cors: Cors | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.uid, self.qualifier)


FUNCTION_URLS: Table[FunctionUrl] = Table(
    name="lambda.url",
    row=FunctionUrl,
    key=lambda url: url.key,
    indexes={
        "function": Index(of=lambda url: url.uid, order=lambda url: url.qualifier),
        "host": Index(of=lambda url: (url.url_id, url.region)),
    },
)


def read_host(host: str) -> tuple[str, str] | None:
    """(URL id, Region) in a Host header; None when it is no function URL's.

    >>> read_host("abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.localhost:4566")
    ('abcdefghijklmnopqrstuvwxyz012345', 'eu-west-1')
    """
    found = _HOST.fullmatch(host.lower())
    return None if found is None else (found[1], found[2])


def address(url_id: str, region: str, endpoint: str) -> str:
    """The URL, below the name by which the plane was called.

    >>> address("u" * 32, "eu-west-1", "http://127.0.0.1:4566")
    'http://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu.lambda-url.eu-west-1.localhost:4566/'
    """
    return f"{urlsplit(endpoint).scheme}://{below(f'{url_id}.lambda-url.{region}', endpoint)}/"
