"""What a registry wants before it answers: the WWW-Authenticate header, read. Pure.

RFC 9110, section 11.6.1, and the token specification of the distribution project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z]+)(?:\s+|$)")
_MEMBER = re.compile(r'\s*,?\s*([A-Za-z_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
LENGTH_MAX = 8192
"""Characters of a header."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """`scheme` in small letters: bearer, basic, or one that nobody here knows."""

    scheme: str
    members: Mapping[str, str] = field(default_factory=dict)


def choose(headers: Iterable[str]) -> Challenge | None:
    """The one to answer: a token where there is one, as passwords should travel no further than they must."""
    found = {challenge.scheme: challenge for header in headers for challenge in read(header)}
    return found.get("bearer") or found.get("basic")


def read(header: str) -> list[Challenge]:
    """All challenges of a header; what follows something unreadable is dropped."""
    text, at = header[:LENGTH_MAX], 0
    found: list[Challenge] = []
    while match := _SCHEME.match(text, at):
        at = match.end()
        members: dict[str, str] = {}
        while member := _MEMBER.match(text, at):
            quoted, plain = member[2], member[3]
            members.setdefault(member[1].lower(), plain or re.sub(r"\\(.)", r"\1", quoted or ""))
            at = member.end()
        found.append(Challenge(match[1].lower(), members))
    return found
