"""Talks to a plane's `/_windlass` endpoints, and makes boto3 clients for it."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from botocore.client import BaseClient

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
TIMEOUT_S = 30


class Unreachable(Exception):
    """No plane answers there; the message is one line that says what to do."""


def default_endpoint() -> str:
    """AWS_ENDPOINT_URL, as for every AWS client (empty is unset), else the port of `windlass up`."""
    return os.environ.get("AWS_ENDPOINT_URL") or DEFAULT_ENDPOINT


class AdminClient:
    """One plane, by its endpoint URL."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")

    def get(self, what: str, **query: str) -> Any:
        return self._ask("GET", what, query)

    def post(self, what: str, **query: str) -> Any:
        return self._ask("POST", what, query)

    def _ask(self, method: str, what: str, query: dict[str, str]) -> Any:
        url = f"{self.endpoint}/_windlass/{what}" + (f"?{urlencode(query)}" if query else "")
        try:
            request = urllib.request.Request(url, method=method, headers={"x-windlass": "1"})
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise Unreachable(f"{what}: {_message(error.read())} ({error.code})") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(
                f"no plane answers at {self.endpoint} ({reason}); "
                "start one with `windlass up`, or give --endpoint"
            ) from None


def aws_client(service: str, endpoint: str, account: str, region: str, **config: Any) -> BaseClient:
    """A boto3 client for that account of that plane, whatever the user's own AWS settings are.

    `config` is botocore's.
    """
    import boto3  # slow to import, and few commands need it
    from botocore.config import Config

    session = boto3.session.Session(aws_access_key_id=account, aws_secret_access_key="windlass")
    client: BaseClient = session.client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint, region_name=region, config=Config(**config)
    )
    return client


def _message(body: bytes) -> str:
    try:
        read = json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
    return str(read.get("message", read)) if isinstance(read, dict) else str(read)
