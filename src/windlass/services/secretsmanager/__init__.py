"""Secrets Manager: secrets with versions and staging labels, read by callers and by tasks that start.

Nothing is encrypted: there is no KMS, and values lie in the plane's data directory, which is its owner's
alone. Known gaps: no rotation, no replicas, resource policies authorize nothing. docs/aws/secretsmanager.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.secret_values import SecretValues
from windlass.services.plane import Plane, Service
from windlass.services.secretsmanager.clearing import Clearing
from windlass.services.secretsmanager.handlers import passwords, secrets, versions
from windlass.services.secretsmanager.model import TABLES
from windlass.services.secretsmanager.reading import SecretReferences


def start(plane: Plane) -> Sequence[object]:
    """Let others read secrets, and start the loop that deletes them."""
    plane.calls.part(SecretValues).serve("secretsmanager", SecretReferences())
    clearing = Clearing(plane)
    plane.spawn.start(clearing.loop.name, clearing.loop.run())
    return (clearing,)


_PLAIN = "values are not encrypted: KmsKeyId is stored and shown"

SERVICE = Service(
    name="secretsmanager",
    handlers={
        "CreateSecret": secrets.create_secret,
        "UpdateSecret": secrets.update_secret,
        "DeleteSecret": secrets.delete_secret,
        "RestoreSecret": secrets.restore_secret,
        "DescribeSecret": secrets.describe_secret,
        "ListSecrets": secrets.list_secrets,
        "TagResource": secrets.tag_resource,
        "UntagResource": secrets.untag_resource,
        "PutResourcePolicy": secrets.put_resource_policy,
        "GetResourcePolicy": secrets.get_resource_policy,
        "DeleteResourcePolicy": secrets.delete_resource_policy,
        "GetSecretValue": versions.get_secret_value,
        "BatchGetSecretValue": versions.batch_get_secret_value,
        "PutSecretValue": versions.put_secret_value,
        "ListSecretVersionIds": versions.list_secret_version_ids,
        "UpdateSecretVersionStage": versions.update_secret_version_stage,
        "GetRandomPassword": passwords.get_random_password,
    },
    tables=TABLES,
    start=start,
    partial={
        "CreateSecret": f"{_PLAIN}; AddReplicaRegions is refused",
        "UpdateSecret": _PLAIN,
        "PutSecretValue": "RotationToken is ignored: nothing rotates",
        "DescribeSecret": "no LastAccessedDate: reads are not written down",
        "ListSecrets": "SortBy is ignored: by creation; no LastAccessedDate",
        "ListSecretVersionIds": "no LastAccessedDate",
        "PutResourcePolicy": "stored and read back; BlockPublicPolicy is ignored, nothing is "
        "authorized by it",
    },
    invalid="ValidationException",
)
