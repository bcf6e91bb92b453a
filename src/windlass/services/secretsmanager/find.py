"""Finding secrets and versions as callers name them. Reads only."""

from __future__ import annotations

from windlass.aws.secret_values import Scope
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.secretsmanager import limits
from windlass.services.secretsmanager.model import CURRENT, SECRETS, VERSIONS, Secret, SecretVersion

Reads = Store | Transaction
NOT_FOUND = "Secrets Manager can't find the specified secret."
MARKED = "You can't perform this operation on the secret because it was marked for deletion."


def secret(reads: Reads, scope: Scope, reference: str, *, deleted: bool = False) -> Secret:
    """The secret of that name, ARN, or ARN without its last characters.

    Raises ResourceNotFoundException, and InvalidRequestException for one that is marked for deletion unless
    `deleted` ones are wanted too.
    """
    found = _secret(reads, scope, reference)
    if found is None:
        raise Fault("ResourceNotFoundException", NOT_FOUND)
    if found.deleted_at and not deleted:
        raise Fault("InvalidRequestException", MARKED)
    return found


def version(reads: Reads, of: Secret, version_id: str = "", stage: str = "") -> SecretVersion:
    """The version with that id or label, and AWSCURRENT without either. Raises what GetSecretValue raises."""
    if version_id:
        found = reads[VERSIONS].get((of.arn, version_id))
        if found is not None and stage and stage not in found.stages:
            raise Fault(
                "InvalidRequestException",
                "You provided a VersionStage that is not associated to the provided VersionId.",
            )
        told = f"VersionId: {version_id}"
    else:
        wanted = stage or CURRENT
        found = next((one for one in reads[VERSIONS].by("secret", of.arn) if wanted in one.stages), None)
        told = f"staging label: {wanted}"
    if found is None:
        raise Fault(
            "ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {told}"
        )
    return found


def _secret(reads: Reads, scope: Scope, reference: str) -> Secret | None:
    if not reference.startswith("arn:"):
        return reads[SECRETS].first("name", (*scope, reference))
    parts = reference.split(":", 6)
    if len(parts) < 7:
        return None
    where = (parts[4], parts[3])
    found = reads[SECRETS].get(reference)
    if found is not None:
        return found if where == scope else None
    row = reads[SECRETS].first("name", (*where, parts[6]))
    return (
        row
        if where == scope and row is not None and len(row.arn) == len(reference) + limits.ARN_SUFFIX + 1
        else None
    )
