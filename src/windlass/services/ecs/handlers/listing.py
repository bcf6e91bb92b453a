"""What all List operations of ECS have in common: page sizes, tokens, the shape of the answer."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.calls import Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits


def limit(params: Params, most: int = limits.PAGE_MAX, default: int | None = None) -> int:
    """The page's size; `default` when nobody says, else `most`.

    Raises InvalidParameterException outside 1 to `most`.
    """
    asked = int(params.get("maxResults", most if default is None else default))
    if not 1 <= asked <= most:
        raise Fault("InvalidParameterException", f"maxResults must be between 1 and {most}.")
    return asked


def bad_token() -> Fault:
    return Fault("InvalidParameterException", "Invalid token.")


def answer(member: str, items: Sequence[object], token: str | None) -> Result:
    """The page under its member's name, with nextToken when there is more."""
    return {member: items} if token is None else {member: items, "nextToken": token}
