"""CreateActivation, DescribeActivations, DeleteActivation."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from windlass.aws import paging
from windlass.aws.arn import arn
from windlass.aws.calls import Call, Params, Principal, Result
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Instant, in_seconds, seconds
from windlass.kernel.faults import Fault
from windlass.services.ssm import admission, limits, tagging
from windlass.services.ssm.model import ACTIVATIONS, Activation


async def create_activation(call: Call, params: Params) -> Result:
    """SSM CreateActivation: the code is shown here and nowhere else."""
    if params.get("RegistrationMetadata"):
        raise Fault("InvalidParameters", "RegistrationMetadata is reserved for internal use.")
    expires_at = _expiry(call, params.get("ExpirationDate"))
    tags = tagging.read(params.get("Tags", ()))
    await check_role(call, params["IamRole"])
    code = base64.b64encode(call.part(Chance).secret(limits.CODE_BYTES)).decode()
    row = Activation(
        account=call.account,
        region=call.region,
        id=call.ids.uuid(),
        code=admission.digest(code),
        iam_role=params["IamRole"],
        limit=params.get("RegistrationLimit", limits.REGISTRATION_LIMIT_DEFAULT),
        created_at=call.now,
        expires_at=expires_at,
        description=params.get("Description", ""),
        default_name=params.get("DefaultInstanceName", ""),
        tags=tags,
    )
    with call.store.transact() as tx:
        tx[ACTIVATIONS].put(row)
    return {"ActivationId": row.id, "ActivationCode": code}


def describe_activations(call: Call, params: Params) -> Result:
    """SSM DescribeActivations: oldest first, expired ones too."""
    where, filters = _filter(params)
    rows, token = paging.page(
        call.store[ACTIVATIONS],
        "scope",
        call.scope,
        operation="DescribeActivations",
        filters=(*call.scope, filters),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", limits.ACTIVATIONS_PAGE),
        fault=bad_token,
        where=where,
    )
    shown: Result = {"ActivationList": [_describe(row, call.now) for row in rows]}
    return shown if token is None else {**shown, "NextToken": token}


def delete_activation(call: Call, params: Params) -> None:
    """SSM DeleteActivation: nobody registers with it any more; machines that did stay."""
    with call.store.transact() as tx:
        row = tx[ACTIVATIONS].get(params["ActivationId"])
        if row is None or (row.account, row.region) != call.scope:
            raise Fault("InvalidActivation", f"Activation ID {params['ActivationId']} not found.")
        tx[ACTIVATIONS].delete(row.id)


async def check_role(call: Call, given: str) -> None:
    """Raises ValidationException unless the role exists and trusts Systems Manager."""
    name = admission.role_name(given)
    refused = Fault(
        "ValidationException",
        "Nonexistent role or missing ssm service principal in trust policy: "
        f"{arn('iam', '', call.account, f'role/{given}')}",
    )
    principal = Principal(call.account, call.region, "ssm.amazonaws.com")
    try:
        found = await call.calls.call("iam", "GetRole", {"RoleName": name}, principal)
    except Fault as fault:
        raise (refused if fault.code == "NoSuchEntityException" else fault) from fault
    if not admission.trusts_ssm(found["Role"]["AssumeRolePolicyDocument"]):
        raise refused


def bad_token() -> Fault:
    return Fault("InvalidNextToken", "The specified token isn't valid.")


def _expiry(call: Call, asked: datetime | None) -> Instant:
    if asked is None:
        return call.now + limits.ACTIVATION_DEFAULT
    at = seconds(asked.timestamp())
    if not call.now < at <= call.now + limits.ACTIVATION_MAX:
        raise Fault(
            "ValidationException", "ExpirationDate must be in the future, and at most 30 days from now."
        )
    return at


_FILTERS: dict[str, Callable[[Activation], str]] = {
    "ActivationIds": lambda row: row.id,
    "DefaultInstanceName": lambda row: row.default_name,
    "IamRole": lambda row: row.iam_role,
}


def _filter(params: Params) -> tuple[Callable[[Activation], bool], Any]:
    """Whether a row passes all filters, and what they are."""
    asked = []
    for given in params.get("Filters", ()):
        if "FilterKey" not in given:
            raise Fault("InvalidFilter", "A filter needs a FilterKey.")
        asked.append((given["FilterKey"], tuple(given.get("FilterValues", ()))))
    return lambda row: all(_FILTERS[key](row) in values for key, values in asked), asked


def _describe(row: Activation, now: Instant) -> dict[str, Any]:
    shown = {
        "ActivationId": row.id,
        "IamRole": row.iam_role,
        "RegistrationLimit": row.limit,
        "RegistrationsCount": row.count,
        "ExpirationDate": in_seconds(row.expires_at),
        "Expired": row.expired(now),
        "CreatedDate": in_seconds(row.created_at),
        "Tags": tagging.shown(row.tags),
    }
    given = {"Description": row.description, "DefaultInstanceName": row.default_name}
    return {**shown, **{name: value for name, value in given.items() if value}}
