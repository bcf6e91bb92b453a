"""PutParameter, GetParameter(s), GetParameterHistory, DeleteParameter(s), labels of versions."""

from __future__ import annotations

from typing import Any

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Transaction
from windlass.services.ssm import limits, tagging
from windlass.services.ssm import parameter as rules
from windlass.services.ssm.model import PARAMETERS, VERSIONS, Parameter, ParameterVersion
from windlass.services.ssm.reading import NotThere, find


def put_parameter(call: Call, params: Params) -> Result:
    """SSM PutParameter: a new parameter, or with Overwrite a new version of one."""
    if params.get("Policies"):
        raise Fault("IncompatiblePolicyException", "Windlass has no parameter policies.")
    name = rules.reference(params["Name"]).name
    rules.check_name(name)
    with call.store.transact() as tx:
        held = tx[PARAMETERS].get((*call.scope, name))
        made = _next(tx, call, params, name, held)
        tags = tagging.read(params.get("Tags", ()), held.tags if held is not None else ())
        tier = rules.tier(params.get("Tier", "Standard"), held.tier if held is not None else "", made.value)
        rules.check_value(made.value, made.type, tier, made.allowed_pattern)
        tx[PARAMETERS].put(Parameter(*call.scope, name, made.number, tier, tags))
        tx[VERSIONS].put(made)
        _trim(tx, made)
    return {"Version": made.number, "Tier": tier}


def get_parameter(call: Call, params: Params) -> Result:
    """SSM GetParameter."""
    try:
        return {"Parameter": _shown(call, params["Name"], params.get("WithDecryption", False))}
    except NotThere as none:
        raise Fault(none.code, none.message) from None


def get_parameters(call: Call, params: Params) -> Result:
    """SSM GetParameters: those that are there, and the names of those that are not."""
    names = list(dict.fromkeys(params["Names"]))
    if len(names) < len(params["Names"]):
        raise Fault("ValidationException", "Duplicate names are not allowed.")
    shown, missing = [], []
    for name in names:
        try:
            shown.append(_shown(call, name, params.get("WithDecryption", False)))
        except NotThere:
            missing.append(name)
    return {"Parameters": shown, "InvalidParameters": missing}


def get_parameter_history(call: Call, params: Params) -> Result:
    """SSM GetParameterHistory: the versions that are kept, the oldest first."""
    parameter = _parameter(call, params["Name"])
    rows, token = paging.page(
        call.store[VERSIONS],
        "parameter",
        parameter.key,
        operation="GetParameterHistory",
        filters=parameter.key,
        token=params.get("NextToken"),
        limit=params.get("MaxResults", limits.PARAMETERS_DESCRIBED),
        fault=bad_token,
    )
    decrypted = params.get("WithDecryption", False)
    found: Result = {
        "Parameters": [
            {
                **described(parameter, row),
                "Value": rules.shown_value(row, decrypted),
                "Labels": list(row.labels),
            }
            for row in rows
        ]
    }
    return found if token is None else {**found, "NextToken": token}


def delete_parameter(call: Call, params: Params) -> None:
    """SSM DeleteParameter."""
    with call.store.transact() as tx:
        _delete(tx, _parameter(call, params["Name"], tx))


def delete_parameters(call: Call, params: Params) -> Result:
    """SSM DeleteParameters: those that are there, and the names of those that are not."""
    deleted, missing = [], []
    with call.store.transact() as tx:
        for name in dict.fromkeys(params["Names"]):
            row = tx[PARAMETERS].get((*call.scope, rules.reference(name).name))
            if row is None:
                missing.append(name)
            else:
                _delete(tx, row)
                deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": missing}


def label_parameter_version(call: Call, params: Params) -> Result:
    """SSM LabelParameterVersion: a label that another version has moves."""
    labels = list(dict.fromkeys(params["Labels"]))
    valid = [label for label in labels if rules.label_is_valid(label)]
    with call.store.transact() as tx:
        version = _version(call, params, tx)
        for row in tx[VERSIONS].by("parameter", (*call.scope, version.name)):
            if row.number != version.number and set(row.labels) & set(valid):
                tx[VERSIONS].put(replace(row, labels=tuple(one for one in row.labels if one not in valid)))
        after = tuple(dict.fromkeys((*version.labels, *valid)))
        if len(after) > limits.LABELS_MAX:
            raise Fault(
                "ParameterVersionLabelLimitExceeded",
                f"A parameter version can have at most {limits.LABELS_MAX} labels.",
            )
        tx[VERSIONS].put(replace(version, labels=after))
    return {"InvalidLabels": [one for one in labels if one not in valid], "ParameterVersion": version.number}


def unlabel_parameter_version(call: Call, params: Params) -> Result:
    """SSM UnlabelParameterVersion."""
    with call.store.transact() as tx:
        version = _version(call, params, tx)
        removed = [label for label in params["Labels"] if label in version.labels]
        tx[VERSIONS].put(replace(version, labels=tuple(one for one in version.labels if one not in removed)))
    return {
        "RemovedLabels": removed,
        "InvalidLabels": [label for label in params["Labels"] if label not in removed],
    }


def described(parameter: Parameter, row: ParameterVersion) -> dict[str, Any]:
    """What DescribeParameters and GetParameterHistory have in common."""
    shape = {
        "Name": row.name,
        "Type": row.type,
        "KeyId": row.key_id,
        "LastModifiedDate": in_seconds(row.at),
        "LastModifiedUser": row.user,
        "Description": row.description,
        "AllowedPattern": row.allowed_pattern,
        "Version": row.number,
        "Tier": parameter.tier,
        "Policies": [],
        "DataType": row.data_type,
    }
    return {name: value for name, value in shape.items() if value != ""}


def bad_token() -> Fault:
    return Fault("InvalidNextToken", "The specified token isn't valid.")


def _next(tx: Transaction, call: Call, params: Params, name: str, held: Parameter | None) -> ParameterVersion:
    """The version that the call makes. What it does not say stays as it was, but for the description."""
    if held is None:
        if tx[PARAMETERS].count("scope", call.scope) >= limits.PARAMETERS_MAX:
            raise Fault("ParameterLimitExceeded", f"You can have at most {limits.PARAMETERS_MAX} parameters.")
        if not params.get("Type"):
            raise Fault("ValidationException", "A parameter type is required when you create a parameter.")
        before = None
    else:
        if not params.get("Overwrite"):
            raise Fault(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in "
                "the request "
                "to true.",
            )
        if params.get("Tags"):
            raise Fault(
                "ValidationException",
                "Invalid request: tags and overwrite can't be used together. To create a parameter "
                "with tags, "
                "please remove overwrite flag.",
            )
        before = tx[VERSIONS].require((*held.key, held.latest))
    kind = params.get("Type") or (before.type if before is not None else "")
    data_type = params.get("DataType") or "text"
    if data_type not in rules.DATA_TYPES:
        raise Fault("ValidationException", f"The following data type is not supported: {data_type}")
    key_id = params.get("KeyId", "alias/aws/ssm") if kind == rules.SECURE else ""
    return ParameterVersion(
        *call.scope,
        name=name,
        number=held.latest + 1 if held is not None else 1,
        value=params["Value"],
        type=kind,
        at=call.now,
        user=call.caller.arn,
        description=params.get("Description", ""),
        key_id=key_id,
        allowed_pattern=params.get("AllowedPattern", ""),
        data_type=data_type,
    )


def _trim(tx: Transaction, newest: ParameterVersion) -> None:
    """Forget the oldest version above the limit. Raises when it has a label."""
    rows = tx[VERSIONS].by("parameter", (newest.account, newest.region, newest.name))
    if len(rows) <= limits.PARAMETER_VERSIONS_MAX:
        return
    oldest = rows[0]
    if oldest.labels:
        raise Fault(
            "ParameterMaxVersionLimitExceeded",
            f"You attempted to create a new version of {newest.name}, but the oldest version can't be "
            "deleted "
            "because it has a label associated with it. Move the label to another version and try again.",
        )
    tx[VERSIONS].delete((oldest.account, oldest.region, oldest.name, oldest.number))


def _shown(call: Call, text: str, decrypted: bool) -> dict[str, Any]:
    parameter, row = find(call.store, call.scope, text)
    selector = rules.reference(text).selector
    return {
        "Name": row.name,
        "Type": row.type,
        "Value": rules.shown_value(row, decrypted),
        "Version": row.number,
        **({"Selector": f":{selector}"} if selector else {}),
        "LastModifiedDate": in_seconds(row.at),
        "ARN": parameter.arn,
        "DataType": row.data_type,
    }


def _parameter(call: Call, text: str, reads: Store | Transaction | None = None) -> Parameter:
    row = (call.store if reads is None else reads)[PARAMETERS].get((*call.scope, rules.reference(text).name))
    if row is None:
        raise Fault("ParameterNotFound", f"Parameter {text} not found.")
    return row


def _version(call: Call, params: Params, tx: Transaction) -> ParameterVersion:
    parameter = _parameter(call, params["Name"], tx)
    number = params.get("ParameterVersion") or parameter.latest
    row = tx[VERSIONS].get((*parameter.key, number))
    if row is None:
        raise Fault(
            "ParameterVersionNotFound",
            f"Systems Manager could not find version {number} of {parameter.name}. Verify the version "
            "and try again.",
        )
    return row


def _delete(tx: Transaction, row: Parameter) -> None:
    for version in tx[VERSIONS].by("parameter", row.key):
        tx[VERSIONS].delete((*row.key, version.number))
    tx[PARAMETERS].delete(row.key)
