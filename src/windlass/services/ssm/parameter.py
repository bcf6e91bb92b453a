"""Parameter Store's rules: names, values, references and the labels of versions. Pure.

Source: SSM API reference, PutParameter, GetParameter, LabelParameterVersion; Systems Manager User Guide,
Parameter Store. Facts: docs/aws/ssm.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.kernel.faults import Fault
from windlass.kernel.linear_regex import BadRegex, searcher
from windlass.services.ssm import limits
from windlass.services.ssm.model import Parameter, ParameterVersion

SECURE = "SecureString"
DATA_TYPES = ("text", "aws:ec2:image", "aws:ssm:integration")
_NAME = re.compile(r"[a-zA-Z0-9_.-]+|(/[a-zA-Z0-9_.-]+)+")
_LABEL = re.compile(r"[a-zA-Z0-9_.-]{1,100}")
_RESERVED = re.compile(r"/?(aws|ssm)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a caller names: a parameter, and maybe a version of it by number or label (`selector`)."""

    name: str
    selector: str = ""


def reference(text: str) -> Reference:
    """What that name or ARN means.

    >>> reference("/db/password:3"), reference("arn:aws:ssm:us-east-1:123456789012:parameter/db/password")
    (Reference(name='/db/password', selector='3'), Reference(name='/db/password', selector=''))
    """
    if text.startswith("arn:"):
        resource = text.split(":", 5)[-1].removeprefix("parameter")
        name, _, selector = resource.partition(":")
        # an ARN has one slash before the name, whether the name begins with one or not
        return Reference(name if name.count("/") > 1 else name.removeprefix("/"), selector)
    name, _, selector = text.partition(":")
    return Reference(name, selector)


def check_name(name: str) -> None:
    """Raises what PutParameter raises."""
    if _RESERVED.match(name):
        raise Fault(
            "ValidationException",
            'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
        )
    if not _NAME.fullmatch(name) or len(name) > limits.PARAMETER_NAME_MAX:
        raise Fault(
            "ValidationException",
            "Parameter name must be a fully qualified name, and can have letters, digits and the "
            "symbols .-_/ only.",
        )
    if name.count("/") > limits.PARAMETER_LEVELS_MAX:
        raise Fault(
            "HierarchyLevelLimitExceededException",
            f"Parameter name can have at most {limits.PARAMETER_LEVELS_MAX} levels.",
        )


def check_value(value: str, kind: str, tier: str, allowed_pattern: str) -> None:
    """Raises what PutParameter raises."""
    most = limits.PARAMETER_BYTES_MAX[tier]
    if not value:
        raise Fault("ValidationException", "Parameter value can't be empty.")
    if len(value.encode()) > most:
        raise Fault(
            "ValidationException",
            f"{tier} tier parameters support a maximum parameter value of {most} characters.",
        )
    if kind == "StringList" and "" in value.split(","):
        raise Fault("ValidationException", "A StringList can't have an empty item.")
    if not allowed_pattern:
        return
    try:
        matches = searcher(allowed_pattern)
    except BadRegex as error:
        raise Fault(
            "InvalidAllowedPatternException", f"The request isn't a valid regular expression: {error}"
        ) from None
    if not matches(value):
        raise Fault(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {allowed_pattern}",
        )


def tier(asked: str, held: str, value: str) -> str:
    """Standard, or Advanced: asked for, needed by Intelligent-Tiering, or had before, which nothing "
    "takes back."""
    large = len(value.encode()) > limits.PARAMETER_BYTES_MAX["Standard"]
    if asked == "Advanced" or held == "Advanced" or (asked == "Intelligent-Tiering" and large):
        return "Advanced"
    return "Standard"


def shown_value(version: ParameterVersion, decrypted: bool) -> str:
    """The value; of a SecureString without WithDecryption what stands for its cipher text.

    There is no KMS: that is made of the parameter's name and version alone, and tells nothing of the value.
    """
    if version.type != SECURE or decrypted:
        return version.value
    place = f"{version.account}/{version.region}/{version.name}/{version.number}"
    return base64.b64encode(hashlib.blake2b(place.encode(), digest_size=48).digest()).decode()


def choose(
    parameter: Parameter, versions: Sequence[ParameterVersion], selector: str
) -> ParameterVersion | None:
    """The version that the selector means: a number, a label, or "" for the latest."""
    if not selector:
        return next((version for version in versions if version.number == parameter.latest), None)
    return next(
        (version for version in versions if str(version.number) == selector or selector in version.labels),
        None,
    )


def label_is_valid(label: str) -> bool:
    """Not a number first, nothing of AWS's (LabelParameterVersion)."""
    return bool(_LABEL.fullmatch(label)) and not label[0].isdigit() and not _RESERVED.match(label)


def below(name: str, path: str, recursive: bool) -> bool:
    """Whether a parameter of that name is in the hierarchy under `path` ("/db/"), on its first level or any.

    >>> below("/db/a", "/db", False), below("/db/a/b", "/db", False), below("/db/a/b", "/db", True)
    (True, False, True)
    """
    head = path.rstrip("/") + "/"
    full = name if name.startswith("/") else f"/{name}"
    return full.startswith(head) and (recursive or "/" not in full[len(head) :])
