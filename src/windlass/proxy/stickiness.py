"""Cookies by which a client stays with its target, or with its target group. Pure.

A cookie names nobody: it is a sealed id and the time until which it counts. It cannot be read, nor be made
into one for another target, without the proxies' secret, and it counts for nothing in another pool. What a
cookie says goes only while that target takes requests; otherwise another one is picked, with a new cookie.

AWSALB: the balancer's own, renewed with each response. AWSALBAPP-0: beside the application's cookie, whose
life it shares; a client must send both. AWSALBTG: the target group of a rule with several. Each balancer
cookie has a twin ending in CORS, with SameSite=None (ALB guide, "Sticky sessions").
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b

from windlass.fleet.proxy_messages import Forward, Pool
from windlass.kernel.clock import SECOND, Instant

TARGET = "AWSALB"
GROUP = "AWSALBTG"
APPLICATION = "AWSALBAPP-0"
RESERVED = ("AWSALB", "AWSALBAPP", "AWSALBTG")
"""What an application's cookie must not begin with (elbv2 API, stickiness.app_cookie.cookie_name)."""

_ID_BYTES = 8
_TAG_BYTES = 16


class Seal:
    """Makes and reads the values of cookies. `secret` is the same in all proxies of a plane.

    A value is tag and text: the tag authenticates what is inside and the purpose, and makes the key stream
    that hides it (a synthetic initialisation vector), so equal contents need no random number to be safe.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = blake2b(secret, digest_size=32, person=b"windlass cookie").digest()

    def id(self, scope: str, key: str) -> bytes:
        """What stands for that target, or group, inside a cookie."""
        return self._digest(b"id", f"{scope}\0{key}".encode(), _ID_BYTES)

    def close(self, purpose: str, identity: bytes, until: Instant) -> str:
        """The value for that target, or group, until then."""
        inside = identity + until.to_bytes(8, "big")
        tag = self._tag(purpose, inside)
        return urlsafe_b64encode(tag + self._hidden(tag, inside)).decode().rstrip("=")

    def open(self, purpose: str, value: str, now: Instant) -> bytes | None:
        """The id in it; None: it is not ours, was made for something else, or its time is over."""
        try:
            raw = urlsafe_b64decode(value + "=" * (-len(value) % 4))
        except ValueError:
            return None
        tag, hidden = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if len(hidden) != _ID_BYTES + 8:
            return None
        inside = self._hidden(tag, hidden)
        if not _same(tag, self._tag(purpose, inside)) or int.from_bytes(inside[_ID_BYTES:], "big") <= now:
            return None
        return inside[:_ID_BYTES]

    def _tag(self, purpose: str, inside: bytes) -> bytes:
        return self._digest(b"tag", purpose.encode() + b"\0" + inside, _TAG_BYTES)

    def _hidden(self, tag: bytes, text: bytes) -> bytes:
        stream = self._digest(b"hide", tag, len(text))
        return bytes(a ^ b for a, b in zip(text, stream, strict=True))

    def _digest(self, purpose: bytes, text: bytes, size: int) -> bytes:
        return blake2b(text, key=self._secret, person=purpose, digest_size=size).digest()


def _same(one: bytes, other: bytes) -> bool:
    """In a time that does not tell where they differ."""
    return len(one) == len(other) and not sum(a ^ b for a, b in zip(one, other, strict=True))


def cookie(header: str, name: str) -> str | None:
    """The value of the first cookie of that name in a Cookie header. ("a=1; b=2", "b") → "2" """
    if name not in header:
        return None
    for pair in header.split(";"):
        key, equals, value = pair.strip().partition("=")
        if equals and key == name:
            return value
    return None


class Sessions:
    """Which clients stay with which target of one pool."""

    def __init__(self, seal: Seal, pool: Pool) -> None:
        self._seal = seal
        self.update(pool)

    def update(self, pool: Pool) -> None:
        """Take the pool as it is now."""
        self._pool = pool
        sticky = pool.sticky
        self._keys = {self._seal.id(pool.key, one.key): one.key for one in pool.endpoints if sticky}
        self._purpose = f"{sticky.kind} {sticky.cookie} {pool.key}" if sticky else ""

    def target(self, cookies: str, now: Instant) -> str | None:
        """The target that a request's Cookie header asks for; the caller sees whether it takes requests."""
        sticky = self._pool.sticky
        if sticky is None:
            return None
        ours = sticky.kind == "lb_cookie"
        value = cookie(cookies, TARGET if ours else APPLICATION)
        if value is None or not (ours or cookie(cookies, sticky.cookie)):
            return None
        identity = self._seal.open(self._purpose, value, now)
        return None if identity is None else self._keys.get(identity)

    def cookies(self, key: str, set_by_target: Iterable[str], secure: bool, now: Instant) -> list[str]:
        """Set-Cookie headers for a response of that target, which sets those cookies itself.

        By the application's cookie a client stays from when the application sets it, for the pool's time.
        """
        sticky = self._pool.sticky
        if sticky is None:
            return []
        if sticky.kind == "app_cookie" and not any(
            text.partition("=")[0].strip() == sticky.cookie for text in set_by_target
        ):
            return []
        until = now + sticky.seconds * SECOND
        value = self._seal.close(self._purpose, self._seal.id(self._pool.key, key), until)
        if sticky.kind == "app_cookie":
            return _set(APPLICATION, value, until, secure)[:1]
        return _set(TARGET, value, until, secure)


class GroupSessions:
    """Which clients stay with which pool of a rule's forward action."""

    def __init__(self, seal: Seal, rule: str, forward: Forward) -> None:
        self._seal = seal
        self._forward = forward
        self._purpose = f"group {rule}"
        self._keys = {seal.id(rule, share.pool): share.pool for share in forward.shares if share.weight > 0}
        self._ids = {pool: identity for identity, pool in self._keys.items()}

    def pool(self, cookies: str, now: Instant) -> str | None:
        """The pool that a request's Cookie header asks for; a pool that lost its weight is not found."""
        value = cookie(cookies, GROUP) if self._forward.sticky_s else None
        identity = None if value is None else self._seal.open(self._purpose, value, now)
        return None if identity is None else self._keys.get(identity)

    def cookies(self, pool: str, secure: bool, now: Instant) -> list[str]:
        """Set-Cookie headers for a response of that pool."""
        if not self._forward.sticky_s or pool not in self._ids:
            return []
        until = now + self._forward.sticky_s * SECOND
        return _set(GROUP, self._seal.close(self._purpose, self._ids[pool], until), until, secure)


def _set(name: str, value: str, until: Instant, secure: bool) -> list[str]:
    expires = f"{datetime.fromtimestamp(until // SECOND, UTC):%a, %d %b %Y %H:%M:%S} GMT"
    text = f"{value}; Expires={expires}; Path=/"
    return [
        f"{name}={text}",
        f"{name}CORS={text}; SameSite=None" + ("; Secure" if secure else ""),
    ]
