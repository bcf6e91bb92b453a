"""GetSecretValue, BatchGetSecretValue, PutSecretValue, ListSecretVersionIds, UpdateSecretVersionStage."""

from __future__ import annotations

from typing import Any

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.secretsmanager import describe, filters, find, limits, stages
from windlass.services.secretsmanager.model import CURRENT, SECRETS, VERSIONS, Secret, SecretVersion


def get_secret_value(call: Call, params: Params) -> Result:
    """Secrets Manager GetSecretValue: of the version asked for, else of AWSCURRENT."""
    row = find.secret(call.store, call.scope, params["SecretId"])
    version_id, stage = params.get("VersionId", ""), params.get("VersionStage", "")
    return describe.value(row, find.version(call.store, row, version_id, stage))


def batch_get_secret_value(call: Call, params: Params) -> Result:
    """Secrets Manager BatchGetSecretValue: AWSCURRENT of those that are named, or that filters find."""
    named, wanted = params.get("SecretIdList", ()), filters.read(params.get("Filters", ()))
    if bool(named) == bool(wanted):
        raise Fault(
            "InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both."
        )
    values: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    token = None
    if not named:
        rows, token = paging.page(
            call.store[SECRETS],
            "scope",
            call.scope,
            operation="BatchGetSecretValue",
            filters=(*call.scope, [list(one) for one in wanted]),
            token=params.get("NextToken"),
            limit=params.get("MaxResults", limits.BATCH_PAGE),
            fault=lambda: Fault("InvalidNextTokenException", "Invalid pagination token."),
            where=lambda row: not row.deleted_at and filters.fit(row, wanted),
        )
        named = [row.arn for row in rows]
    for reference in named:
        try:
            row = find.secret(call.store, call.scope, reference)
            values.append(describe.value(row, find.version(call.store, row)))
        except Fault as fault:
            errors.append({"SecretId": reference, "ErrorCode": fault.code, "Message": fault.message})
    found: Result = {"SecretValues": values, "Errors": errors}
    return found if token is None else {**found, "NextToken": token}


def put_secret_value(call: Call, params: Params) -> Result:
    """Secrets Manager PutSecretValue: a new version, AWSCURRENT unless other stages are given."""
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        version_id = add(tx, call, row, params, required=True)
        made = tx[VERSIONS].require((row.arn, version_id))
    return {**describe.named(row), "VersionId": version_id, "VersionStages": list(made.stages)}


def list_secret_version_ids(call: Call, params: Params) -> Result:
    """Secrets Manager ListSecretVersionIds: those with a stage; IncludeDeprecated: all."""
    row = find.secret(call.store, call.scope, params["SecretId"], deleted=True)
    deprecated = params.get("IncludeDeprecated", False)
    rows, token = paging.page(
        call.store[VERSIONS],
        "secret",
        row.arn,
        operation="ListSecretVersionIds",
        filters=(row.arn, deprecated),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", limits.PAGE),
        fault=lambda: Fault("InvalidNextTokenException", "Invalid pagination token."),
        where=lambda one: deprecated or bool(one.stages),
    )
    found: Result = {**describe.named(row), "Versions": [describe.version(one) for one in rows]}
    return found if token is None else {**found, "NextToken": token}


def update_secret_version_stage(call: Call, params: Params) -> Result:
    """Secrets Manager UpdateSecretVersionStage: moves a stage, or takes it away."""
    stage, to, away = params["VersionStage"], params.get("MoveToVersionId"), params.get("RemoveFromVersionId")
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        rows = tx[VERSIONS].by("secret", row.arn)
        for version_id in filter(None, (to, away)):
            find.version(tx, row, version_id)
        holder = next((one for one in rows if stage in one.stages), None)
        if holder is not None and holder.id not in (to, away):
            raise Fault(
                "InvalidParameterException",
                f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is "
                "currently attached to "
                f"version {holder.id}, so you must explicitly reference that version in RemoveFromVersionId.",
            )
        if to is not None:
            for one in stages.moved(rows, (stage,), to):
                tx[VERSIONS].put(one)
        elif holder is not None:
            if stage == CURRENT:
                raise Fault(
                    "InvalidParameterException",
                    f"You can only move staging label {CURRENT} to a different secret version.",
                )
            tx[VERSIONS].put(replace(holder, stages=tuple(one for one in holder.stages if one != stage)))
        tx[SECRETS].put(replace(row, changed_at=call.now))
    return describe.named(row)


def add(tx: Transaction, call: Call, row: Secret, params: Params, *, required: bool) -> str:
    """Write the version that the call brings; returns its id, "" when it brings none.

    The same ClientRequestToken with the same content is the same version. Raises what PutSecretValue raises.
    """
    text, binary = params.get("SecretString"), params.get("SecretBinary")
    if text is None and binary is None:
        if required:
            raise Fault("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
        return ""
    if text is not None and binary is not None:
        raise Fault(
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value.",
        )
    rows = tx[VERSIONS].by("secret", row.arn)
    version_id = params.get("ClientRequestToken") or call.ids.uuid()
    held = next((one for one in rows if one.id == version_id), None)
    if held is not None:
        if (held.text, held.binary) == (text, binary):
            return version_id
        raise Fault(
            "ResourceExistsException",
            f"You can't use ClientRequestToken {version_id} because that value is already in use for "
            "a version of "
            f"secret {row.arn}.",
        )
    wanted = params.get("VersionStages", (CURRENT,))
    number = rows[-1].number + 1 if rows else 1
    made = SecretVersion(row.arn, version_id, call.now, text, binary, number=number)
    after = {one.id: one for one in (*rows, made)}
    after |= {one.id: one for one in stages.moved([*rows, made], wanted, version_id)}
    if sum(len(one.stages) for one in after.values()) > limits.STAGES_MAX:
        raise Fault(
            "LimitExceededException", f"A secret can have at most {limits.STAGES_MAX} staging labels."
        )
    for one in after.values():
        tx[VERSIONS].put(one)
    for one in stages.surplus(list(after.values()), limits.VERSIONS_MAX):
        tx[VERSIONS].delete((row.arn, one.id))
    tx[SECRETS].put(replace(row, changed_at=call.now))
    return version_id
