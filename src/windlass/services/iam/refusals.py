"""IAM's refusals in its words. Sources: API reference (codes); texts as AWS answers them."""

from __future__ import annotations

from collections.abc import Callable

from windlass.kernel.faults import Fault


def no_such(text: str) -> Callable[[], Fault]:
    return lambda: Fault("NoSuchEntityException", text)


def no_role(name: str) -> Callable[[], Fault]:
    return no_such(f"The role with name {name} cannot be found.")


def no_user(name: str) -> Callable[[], Fault]:
    return no_such(f"The user with name {name} cannot be found.")


def no_certificate(name: str) -> Callable[[], Fault]:
    return no_such(f"The Server Certificate with name {name} cannot be found.")


def no_policy(arn: str) -> Callable[[], Fault]:
    return no_such(f"Policy {arn} was not found.")


def exists(text: str) -> Fault:
    return Fault("EntityAlreadyExistsException", text)


def over_quota(quota: str, most: int) -> Fault:
    return Fault("LimitExceededException", f"Cannot exceed quota for {quota}: {most}")


def in_use(text: str) -> Fault:
    return Fault("DeleteConflictException", text)


def invalid_input(text: str) -> Fault:
    return Fault("InvalidInputException", text)


def bad_marker() -> Fault:
    return Fault("ValidationError", "Invalid Marker.")
