"""Requests that no SDK would send."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

DAY = "20260101"


def authorization(account: str, service: str, region: str = "eu-west-1") -> str:
    credential = f"Credential={account}/{DAY}/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


def send(
    endpoint: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers with lower-case names, body) of one request sent as given."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    got = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, got


def send_json(
    endpoint: str, account: str, service: str, target: str, body: bytes, version: str = "1.1"
) -> tuple[int, dict[str, Any]]:
    """(status, parsed body) of an AWS JSON request with any bytes as its body."""
    headers = {
        "Content-Type": f"application/x-amz-json-{version}",
        "X-Amz-Target": target,
        "Authorization": authorization(account, service),
    }
    status, _, got = send(endpoint, "POST", "/", headers, body)
    return status, json.loads(got) if got else {}
