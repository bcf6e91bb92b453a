"""How this node runs functions: the agent's options, from its environment. Pure.

They are read once, by the agent's composition root.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from windlass.node.function_users import SMALL_FIRST, SMALL_LAST, USERS_FIRST, USERS_LAST, Range
from windlass.node.images.settings import BadSetting

DEFAULT_USERS = (Range(USERS_FIRST, USERS_LAST), Range(SMALL_FIRST, SMALL_LAST))
ISOLATION, FREEZE, USERS = (
    "WINDLASS_FUNCTION_ISOLATION",
    "WINDLASS_FUNCTION_FREEZE",
    "WINDLASS_FUNCTION_USERS",
)


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What the agent was told. `users`: ranges of user ids, the first that this host has is taken."""

    isolated: bool = True
    """Environments get users, files and control groups of their own, if the agent is root."""
    freeze: bool = True
    """Between events nothing in an environment runs, where there are control groups."""
    users: tuple[Range, ...] = DEFAULT_USERS


def read(environment: Mapping[str, str]) -> FunctionSettings:
    """The settings in those variables. Raises BadSetting."""
    return FunctionSettings(
        isolated=_is_on(environment, ISOLATION),
        freeze=_is_on(environment, FREEZE),
        users=_users(environment.get(USERS, "")),
    )


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name) or "on"
    if text not in ("on", "off"):
        raise BadSetting(f"{name} is on or off, not {text[:40]!r}")
    return text == "on"


def _users(text: str) -> tuple[Range, ...]:
    if not text:
        return DEFAULT_USERS
    match = re.fullmatch(r"(\d{1,10})-(\d{1,10})", text)
    if match is None or not 0 < int(match[1]) <= int(match[2]) < 2**32 - 1:
        raise BadSetting(f"{USERS} is a range of user ids without 0, such as 70000-79999, not {text[:40]!r}")
    return (Range(int(match[1]), int(match[2])),)
