"""Rows as Secrets Manager shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.kernel.clock import in_seconds
from windlass.services.secretsmanager.model import Secret, SecretVersion

DEFAULT_KEY = "DefaultEncryptionKey"


def named(row: Secret) -> dict[str, Any]:
    return {"ARN": row.arn, "Name": row.name}


def secret(row: Secret, versions: Sequence[SecretVersion], stages_as: str) -> dict[str, Any]:
    """An entry of ListSecrets or DescribeSecret, which name the stages of versions differently."""
    shape = {
        **named(row),
        "Type": row.type,
        "Description": row.description,
        "KmsKeyId": row.kms_key_id,
        "LastChangedDate": in_seconds(row.changed_at),
        "CreatedDate": in_seconds(row.created_at),
        "DeletedDate": in_seconds(row.asked_at) if row.deleted_at else "",
        "Tags": [{"Key": key, "Value": value} for key, value in row.tags],
        stages_as: {one.id: list(one.stages) for one in versions if one.stages},
    }
    return {name: value for name, value in shape.items() if value != ""}


def value(row: Secret, version: SecretVersion) -> dict[str, Any]:
    content = {"SecretString": version.text, "SecretBinary": version.binary}
    return {
        **named(row),
        "VersionId": version.id,
        **{name: found for name, found in content.items() if found is not None},
        "VersionStages": list(version.stages),
        "CreatedDate": in_seconds(version.created_at),
    }


def version(row: SecretVersion) -> dict[str, Any]:
    """An entry of ListSecretVersionIds. When it was read last is known to the day on AWS, and not here."""
    return {
        "VersionId": row.id,
        "VersionStages": list(row.stages),
        "CreatedDate": in_seconds(row.created_at),
        "KmsKeyIds": [DEFAULT_KEY],
    }
