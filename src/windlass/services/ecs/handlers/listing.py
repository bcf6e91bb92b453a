"""What List operations of ECS have in common, and Describe operations: pages, tokens, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from windlass.aws.calls import Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ecs import describe, limits

R = TypeVar("R")


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


def described(
    named: Iterable[str],
    find: Callable[[str], R | None],
    show: Callable[[R], Result],
    arn: Callable[[str], str],
) -> tuple[list[Result], list[dict[str, str]]]:
    """What is there of those that were named, and failures MISSING; `arn` is that of a name that is none."""
    shown, failures = [], []
    for reference in named:
        row = find(reference)
        if row is not None:
            shown.append(show(row))
        else:
            missing = reference if reference.startswith("arn:") else arn(reference)
            failures.append(describe.failure(missing, "MISSING"))
    return shown, failures
