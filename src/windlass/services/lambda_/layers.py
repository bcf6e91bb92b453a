"""Which layer versions a request means, which a function may use, and how versions are shown. Pure.

Wording as AWS answers (recordings of 2024 and 2025). Known gaps: an organization in a layer's policy matches
nobody, because there are no organizations here; CompatibleRuntimes and CompatibleArchitectures only filter
listings, as on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.aws.arn import arn
from windlass.kernel.faults import Fault
from windlass.services.lambda_.describe import code_sha256, last_modified
from windlass.services.lambda_.grants import allows
from windlass.services.lambda_.layer_model import LayerUse, LayerVersion
from windlass.services.lambda_.limits import LAYERS_MAX, UNZIPPED_BYTES_MAX
from windlass.services.lambda_.package import invalid

_FORM = re.compile(
    r"arn:[a-zA-Z0-9-]+:lambda:(?P<region>[a-zA-Z0-9-]+):(?P<account>\d{12}):layer:"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<number>[0-9]+))?"
)
GET_LAYER_VERSION = "lambda:GetLayerVersion"


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A layer, or with `number` one of its versions."""

    account: str
    region: str
    name: str
    number: int = 0

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.account, self.region, self.name, self.number)

    @property
    def arn(self) -> str:
        return arn("lambda", self.region, self.account, f"layer:{self.name}:{self.number}")


def layer_of(text: str, account: str, region: str) -> LayerReference:
    """The layer that `LayerName` means, a name or an ARN without a version, for a caller there."""
    form = _FORM.fullmatch(text)
    if form is None:
        return LayerReference(account, region, text)
    return LayerReference(form["account"], form["region"], form["name"])


def version_of_arn(text: str) -> LayerReference | None:
    """The layer version with that ARN; None when it is none."""
    form = _FORM.fullmatch(text)
    if form is None or form["number"] is None:
        return None
    return LayerReference(form["account"], form["region"], form["name"], int(form["number"]))


def asked_layers(arns: Sequence[str], region: str) -> list[LayerReference]:
    """The layer versions that a function in that Region asks for; the fault for what AWS refuses at sight."""
    found: list[LayerReference] = []
    for text in arns:
        reference = version_of_arn(text)
        if reference is None:
            raise Fault(
                "ValidationException",
                f"1 validation error detected: Value '[{', '.join(arns)}]' at 'layers' failed to satisfy "
                "constraint: Member must satisfy constraint: [Member must be the ARN of a layer version]",
            )
        found.append(reference)
    if len(found) > LAYERS_MAX:
        raise invalid(f"Cannot reference more than {LAYERS_MAX} layers.")
    for reference in found:
        if reference.region != region:
            raise invalid(
                "Layers are not in the same region as the function. "
                f"Layers are expected to be in region {region}."
            )
    first: dict[tuple[str, str], LayerReference] = {}
    for reference in found:
        twin = first.setdefault((reference.account, reference.name), reference)
        if twin is not reference:
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same "
                f"function. {twin.arn} and {reference.arn} are versions of the same layer."
            )
    return found


def check_total(unpacked_size: int, layers: Sequence[LayerUse]) -> None:
    """Raise the fault of code that is too large together with its layers."""
    total = unpacked_size + sum(layer.unpacked_size for layer in layers)
    if total > UNZIPPED_BYTES_MAX:
        raise invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES_MAX} "
            f"bytes. The actual size is {total} bytes."
        )


def use_of(version: LayerVersion) -> LayerUse:
    return LayerUse(version.arn, version.code_sha256, version.code_size, version.unpacked_size)


def may_read(version: LayerVersion, account: str) -> bool:
    """Whether that account may get the version: its owner's, or one that the policy names."""
    return version.account == account or allows(version.policy, GET_LAYER_VERSION, account)


def missing(reference: LayerReference) -> Fault:
    """What functions and policies are told of a layer version that is not there."""
    return invalid(f"Layer version {reference.arn} does not exist.")


def not_allowed(caller: str, reference: LayerReference) -> Fault:
    return Fault(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {GET_LAYER_VERSION} on resource: {reference.arn} "
        f"because no resource-based policy allows the {GET_LAYER_VERSION} action",
        status=403,
    )


def statement_of(version: LayerVersion, params: Mapping[str, Any]) -> dict[str, Any]:
    """The statement that AddLayerVersionPermission makes, in AWS's order of keys."""
    principal: str = params["Principal"]
    if principal.isdigit():
        principal = f"arn:aws:iam::{principal}:root"
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": principal},
        "Action": params["Action"],
        "Resource": version.arn,
    }
    if params.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": params["OrganizationId"]}}
    return statement


def matches(version: LayerVersion, params: Mapping[str, Any]) -> bool:
    """Whether a listing with CompatibleRuntime and CompatibleArchitecture shows it."""
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    if runtime and runtime not in version.runtimes:
        return False
    return not architecture or architecture in version.architectures


def described(version: LayerVersion) -> dict[str, Any]:
    """A LayerVersionsListItem; members that were not given are absent."""
    shown: dict[str, Any] = {
        "LayerVersionArn": version.arn,
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": last_modified(version.created_at),
        "LicenseInfo": version.license,
        "CompatibleRuntimes": list(version.runtimes),
        "CompatibleArchitectures": list(version.architectures),
    }
    return {name: value for name, value in shown.items() if value or name == "Description"}


def whole(version: LayerVersion, location: str) -> dict[str, Any]:
    """What PublishLayerVersion and GetLayerVersion answer. `location` is where the content can be fetched."""
    content = {
        "Location": location,
        "CodeSha256": code_sha256(version.code_sha256),
        "CodeSize": version.code_size,
    }
    return {"Content": content, "LayerArn": version.layer_arn, **described(version)}
