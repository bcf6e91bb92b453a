"""Which function a request means: a name, a partial ARN or an ARN, each perhaps with a qualifier.

Pure. Wording as AWS answers; docs/aws/lambda.md. Whether there is such a function, version or alias is
find.py's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from windlass.aws.arn import arn
from windlass.kernel.faults import Fault

_FORM = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?"
    r"(?:(?P<region>[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A function of the caller's; `qualifier` is empty when none was given."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        tail = f":{self.qualifier}" if self.qualifier else ""
        return arn("lambda", self.region, self.account, f"function:{self.name}{tail}")


def resolve(text: str, qualifier: str | None, account: str, region: str, caller: str = "") -> Reference:
    """What `FunctionName` and `Qualifier` mean for a caller that may use its own account's functions only.

    "f", "123456789012:function:f:$LATEST" and whole ARNs → Reference. Faults: other Region, other account,
    two different qualifiers.
    """
    found = reference_of(text, qualifier, account, region)
    if found.account != account:
        raise denied(found, caller)
    return found


def reference_of(text: str, qualifier: str | None, account: str, region: str) -> Reference:
    """The same, of any account; whether the caller may is still to be found out."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise Fault("InvalidParameterValueException", f"{text} is not a function name or ARN")
    inner = form["qualifier"]
    if inner and qualifier and inner != qualifier:
        raise Fault(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    if form["region"] and form["region"] != region:
        raise Fault(
            "ResourceNotFoundException",
            f"Functions from '{form['region']}' are not reachable in this region ('{region}')",
        )
    return Reference(form["account"] or account, region, form["name"], inner or qualifier or "")


def denied(reference: Reference, caller: str, action: str = "") -> Fault:
    """For a caller of another account; the same whether there is such a function or not."""
    what, it = (action, f"the {action} action") if action else ("this action", "it")
    return Fault(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {what} on resource: {reference.arn} "
        f"because no resource-based policy allows {it}",
        status=403,
    )


def not_found(arn: str) -> Fault:
    return Fault("ResourceNotFoundException", f"Function not found: {arn}")


_NOT_NOW = (
    "The operation cannot be performed at this time. The function is currently in the following state: {}"
)


def not_active(state: str) -> Fault:
    return Fault("ResourceConflictException", _NOT_NOW.format(state))


def snapshot_not_ready() -> Fault:
    """For an invocation of a version with SnapStart that is Pending, or was Inactive (Lambda API, Invoke)."""
    return Fault(
        "SnapStartNotReadyException",
        "Lambda is initializing your function. It will be ready to invoke once your function state becomes "
        "ACTIVE.",
        status=409,
    )


def not_ready() -> Fault:
    """For an invocation of an Inactive function (Lambda API reference, Invoke)."""
    return Fault(
        "ResourceNotReadyException",
        "The function is inactive and its VPC connection is no longer available. Wait for the VPC connection "
        "to reestablish and try again.",
        status=502,
    )
