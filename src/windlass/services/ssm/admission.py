"""Whether a machine may register with an activation. Pure.

Wrong ids and wrong codes are answered alike: nobody learns which activations there are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.services.ssm import limits
from windlass.services.ssm.model import Activation

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}", re.ASCII)
_ATTRIBUTE_VALUE = re.compile(r"[A-Za-z0-9_./\\\-@: ]{0,128}", re.ASCII)
_OURS = ("ecs.", "com.amazonaws.ecs.")
"""Attribute names that ECS itself gives out."""
_ROLE = re.compile(r"(?:service-role/)?[\w+=,.@-]+")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def admit(activation: Activation | None, code: str, now: Instant) -> Activation:
    """The activation with one more registration. Raises InvalidActivation."""
    if activation is None or not hmac.compare_digest(activation.code, digest(code)):
        raise _invalid(
            "The activation ID and the activation code do not match, or the activation was deleted."
        )
    if activation.expired(now):
        raise _invalid("The activation has expired.")
    if activation.count >= activation.limit:
        raise _invalid(f"The activation has been used for all of its {activation.limit} registrations.")
    return activation


def attributes(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A machine's own attributes, by name. Raises ValidationException for what ECS would not take."""
    if len(given) > limits.ATTRIBUTES_MAX:
        raise Fault("ValidationException", f"At most {limits.ATTRIBUTES_MAX} attributes can be given.")
    for name, value in given.items():
        if not _ATTRIBUTE_NAME.fullmatch(name) or name.startswith(_OURS):
            raise Fault("ValidationException", f"Invalid attribute name: {name[:128]}")
        if not _ATTRIBUTE_VALUE.fullmatch(value) or value != value.strip():
            raise Fault("ValidationException", f"Invalid attribute value: {value[:128]}")
    return tuple(sorted(given.items()))


def role_name(given: str) -> str:
    """The role's name without its path. Raises ValidationException for an ARN and the like."""
    if not _ROLE.fullmatch(given):
        raise Fault(
            "ValidationException",
            f"1 validation error detected: Value '{given}' at 'iamRole' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: ^[\\p{L}\\p{N}+=,.@\\-_]*$",
        )
    return given.rpartition("/")[2]


def trusts_ssm(document: str) -> bool:
    """Whether a trust policy, URL-encoded as IAM gives it, lets Systems Manager assume the role."""
    try:
        statements: Any = json.loads(unquote(document)).get("Statement", [])
    except (ValueError, AttributeError):
        return False
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal") if isinstance(statement, dict) else None
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and "ssm.amazonaws.com" in (
            [services] if isinstance(services, str) else services
        ):
            return True
    return False


def _invalid(message: str) -> Fault:
    return Fault("InvalidActivation", message)
