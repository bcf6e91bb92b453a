"""Which requests are turned away before they are read: foreign web pages, and strangers at the admin door.

A plane on loopback runs code for whoever can reach it, and a browser on the same machine can: a page of any
site may post to 127.0.0.1, and with DNS rebinding even read the answers. SDKs and the aws CLI never send the
headers that browsers put on such requests, so those are refused unless page and plane are both local.
Pure; knows headers and addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

ADMIN_PREFIX = "/_windlass/"
NODE_PATH = "/_windlass/node"
"""Where agents on other machines open their session. They have secrets of their own to show."""
REGISTRATIONS_PATH = "/_windlass/node/registrations"
"""Where a machine becomes such a node, with an activation."""


def refused(path: str, headers: Mapping[str, str], peer: str) -> str | None:
    """Why the request is turned away, or None. `peer` is the client's address ("" for a Unix socket)."""
    if path in (NODE_PATH, REGISTRATIONS_PATH):
        return "agents are no web pages" if _from_a_browser(headers) else None
    if path.startswith(ADMIN_PREFIX) and peer and not is_local(peer):
        return "the admin endpoints answer on this machine only"
    if _from_a_browser(headers) and not _from_a_local_page(headers):
        return "requests of web pages from elsewhere are refused"
    return None


def is_local(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_a_browser(headers: Mapping[str, str]) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers


def _from_a_local_page(headers: Mapping[str, str]) -> bool:
    """Page and address are both this machine's: a rebound name shows in Host."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    page = urlsplit(origin).hostname if origin else host
    return is_local(host) and is_local(page or "")
