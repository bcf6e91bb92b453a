"""CreateSecret, UpdateSecret, DeleteSecret, RestoreSecret, DescribeSecret, ListSecrets, tags, policies."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Mapping

from windlass.aws import paging
from windlass.aws.arn import arn
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.chance import Chance
from windlass.kernel.clock import DAY, in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.secretsmanager import describe, filters, find, limits
from windlass.services.secretsmanager.handlers import versions
from windlass.services.secretsmanager.model import SECRETS, VERSIONS, Secret, Tags

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]+")
_NO_REPLICAS = "Windlass does not replicate secrets to other Regions."


def create_secret(call: Call, params: Params) -> Result:
    """Secrets Manager CreateSecret. The same ClientRequestToken with the same content makes nothing new."""
    if params.get("AddReplicaRegions"):
        raise Fault("InvalidRequestException", _NO_REPLICAS)
    name = params["Name"]
    if not _NAME.fullmatch(name):
        raise Fault(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
            "following: -/_+=.@!",
        )
    with call.store.transact() as tx:
        held = tx[SECRETS].first("name", (*call.scope, name))
        row = _made(tx, call, params) if held is None else _again(held, params, tx)
        version_id = versions.add(tx, call, row, params, required=False)
    return {**describe.named(row), **({"VersionId": version_id} if version_id else {})}


def update_secret(call: Call, params: Params) -> Result:
    """Secrets Manager UpdateSecret: what is told of it, and with a value a new AWSCURRENT version."""
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        told = {
            column: params[member]
            for member, column in (
                ("Description", "description"),
                ("KmsKeyId", "kms_key_id"),
                ("Type", "type"),
            )
            if member in params
        }
        row = tx[SECRETS].put(replace(row, changed_at=call.now, **told))
        version_id = versions.add(tx, call, row, params, required=False)
    return {**describe.named(row), **({"VersionId": version_id} if version_id else {})}


def delete_secret(call: Call, params: Params) -> Result:
    """Secrets Manager DeleteSecret: at once when forced, else when its recovery window is over."""
    days, forced = params.get("RecoveryWindowInDays"), params.get("ForceDeleteWithoutRecovery", False)
    low, high = limits.RECOVERY_DAYS
    if days is not None and forced:
        raise Fault(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    if days is not None and not low <= days <= high:
        raise Fault(
            "InvalidParameterException",
            f"RecoveryWindowInDays value must be between {low} and {high} days (inclusive).",
        )
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"], deleted=forced)
        if forced:
            forget(tx, row)
            gone_at = call.now
        else:
            gone_at = call.now + (days * DAY if days is not None else limits.RECOVERY_WINDOW)
            tx[SECRETS].put(replace(row, deleted_at=gone_at, asked_at=call.now))
    return {**describe.named(row), "DeletionDate": in_seconds(gone_at)}


def restore_secret(call: Call, params: Params) -> Result:
    """Secrets Manager RestoreSecret: it is not deleted after all."""
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"], deleted=True)
        tx[SECRETS].put(replace(row, deleted_at=0, asked_at=0))
    return describe.named(row)


def describe_secret(call: Call, params: Params) -> Result:
    """Secrets Manager DescribeSecret. One that is to be deleted is shown too."""
    row = find.secret(call.store, call.scope, params["SecretId"], deleted=True)
    return describe.secret(row, call.store[VERSIONS].by("secret", row.arn), "VersionIdsToStages")


def list_secrets(call: Call, params: Params) -> Result:
    """Secrets Manager ListSecrets. Order: by creation, the newest first unless SortOrder says otherwise."""
    wanted = filters.read(params.get("Filters", ()))
    planned = params.get("IncludePlannedDeletion", False)
    rows, token = paging.page(
        call.store[SECRETS],
        "scope",
        call.scope,
        operation="ListSecrets",
        filters=(*call.scope, [list(one) for one in wanted], planned, params.get("SortOrder", "desc")),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", limits.PAGE),
        fault=bad_token,
        where=lambda row: (planned or not row.deleted_at) and filters.fit(row, wanted),
        reverse=params.get("SortOrder", "desc") == "desc",
    )
    found: Result = {
        "SecretList": [
            describe.secret(row, call.store[VERSIONS].by("secret", row.arn), "SecretVersionsToStages")
            for row in rows
        ]
    }
    return found if token is None else {**found, "NextToken": token}


def tag_resource(call: Call, params: Params) -> None:
    """Secrets Manager TagResource: adds tags, or overwrites those that are there."""
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        tx[SECRETS].put(replace(row, tags=_tags(params["Tags"], row.tags)))


def untag_resource(call: Call, params: Params) -> None:
    """Secrets Manager UntagResource. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        tx[SECRETS].put(replace(row, tags=tuple(tag for tag in row.tags if tag[0] not in params["TagKeys"])))


def put_resource_policy(call: Call, params: Params) -> Result:
    """Secrets Manager PutResourcePolicy: stored and read back, nothing is authorized by it."""
    try:
        valid = isinstance(json.loads(params["ResourcePolicy"]), dict)
    except ValueError:
        valid = False
    if not valid:
        raise Fault("MalformedPolicyDocumentException", "This resource policy contains invalid Json.")
    return _with_policy(call, params, params["ResourcePolicy"])


def get_resource_policy(call: Call, params: Params) -> Result:
    """Secrets Manager GetResourcePolicy."""
    row = find.secret(call.store, call.scope, params["SecretId"], deleted=True)
    return {**describe.named(row), **({"ResourcePolicy": row.policy} if row.policy else {})}


def delete_resource_policy(call: Call, params: Params) -> Result:
    """Secrets Manager DeleteResourcePolicy."""
    return _with_policy(call, params, "")


def forget(tx: Transaction, row: Secret) -> None:
    """The secret and all its versions are gone."""
    for version in tx[VERSIONS].by("secret", row.arn):
        tx[VERSIONS].delete((row.arn, version.id))
    tx[SECRETS].delete(row.arn)


def bad_token() -> Fault:
    return Fault("InvalidNextTokenException", "Invalid pagination token.")


def _made(tx: Transaction, call: Call, params: Params) -> Secret:
    stream = call.part(Chance).stream("secretsmanager.arn")
    suffix = "".join(stream.choices(string.ascii_letters, k=limits.ARN_SUFFIX))
    return tx[SECRETS].put(
        Secret(
            arn=arn("secretsmanager", call.region, call.account, f"secret:{params['Name']}-{suffix}"),
            account=call.account,
            region=call.region,
            name=params["Name"],
            created_at=call.now,
            changed_at=call.now,
            description=params.get("Description", ""),
            kms_key_id=params.get("KmsKeyId", ""),
            type=params.get("Type", ""),
            tags=_tags(params.get("Tags", ())),
        )
    )


def _again(held: Secret, params: Params, tx: Transaction) -> Secret:
    """The secret that a repeated CreateSecret made before. Raises for one that another call made."""
    if held.deleted_at:
        raise Fault(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
    if tx[VERSIONS].get((held.arn, params.get("ClientRequestToken", ""))) is None:
        raise Fault(
            "ResourceExistsException", f"The operation failed because the secret {held.name} already exists."
        )
    return held


def _with_policy(call: Call, params: Params, policy: str) -> Result:
    with call.store.transact() as tx:
        row = find.secret(tx, call.scope, params["SecretId"])
        tx[SECRETS].put(replace(row, policy=policy))
    return describe.named(row)


def _tags(given: Iterable[Mapping[str, str]], held: Tags = ()) -> Tags:
    tags = {**dict(held), **{tag["Key"]: tag.get("Value", "") for tag in given}}
    if len(tags) > limits.TAGS_MAX:
        raise Fault("InvalidParameterException", f"You can have at most {limits.TAGS_MAX} tags on a secret.")
    return tuple(tags.items())
