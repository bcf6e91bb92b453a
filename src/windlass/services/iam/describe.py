"""IAM rows as the API shows them. Policy documents leave URL-encoded (RFC 3986), as AWS sends them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from windlass.aws.credentials import Credentials
from windlass.kernel.clock import in_seconds
from windlass.services.iam.model import Policy, Role, ServerCertificate, Tags, User, Version


def document(text: str) -> str:
    return quote(text, safe="")


def tags(held: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in held]


def role(row: Role, *, whole: bool = True) -> dict[str, Any]:
    """A role; lists leave out the boundary, the tags and the last use (API reference, ListRoles)."""
    shown = {
        "Path": row.path,
        "RoleName": row.role_name,
        "RoleId": row.role_id,
        "Arn": row.arn,
        "CreateDate": in_seconds(row.created_at),
        "AssumeRolePolicyDocument": document(row.trust),
        "Description": row.description,
        "MaxSessionDuration": row.max_session_s,
    }
    more = {"PermissionsBoundary": _boundary(row.boundary), "Tags": tags(row.tags) or None} if whole else {}
    return {name: value for name, value in {**shown, **more}.items() if value is not None}


def user(row: User, *, whole: bool = True) -> dict[str, Any]:
    shown = {
        "Path": row.path,
        "UserName": row.user_name,
        "UserId": row.user_id,
        "Arn": row.arn,
        "CreateDate": in_seconds(row.created_at),
    }
    more = {"PermissionsBoundary": _boundary(row.boundary), "Tags": tags(row.tags) or None} if whole else {}
    return {name: value for name, value in {**shown, **more}.items() if value is not None}


def _boundary(arn: str | None) -> dict[str, str] | None:
    return None if arn is None else {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def policy(row: Policy, attached: int, bounds: int = 0, *, whole: bool = True) -> dict[str, Any]:
    """A managed policy; lists leave out the description and the tags."""
    shown = {
        "PolicyName": row.policy_name,
        "PolicyId": row.policy_id,
        "Arn": row.arn,
        "Path": row.path,
        "DefaultVersionId": f"v{row.default_number}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounds,
        "IsAttachable": True,
        "CreateDate": in_seconds(row.created_at),
        "UpdateDate": in_seconds(row.updated_at),
    }
    more = {"Description": row.description, "Tags": tags(row.tags) or None} if whole else {}
    return {name: value for name, value in {**shown, **more}.items() if value is not None}


def version(row: Version, default_number: int, *, whole: bool = True) -> dict[str, Any]:
    shown = {
        "VersionId": f"v{row.number}",
        "IsDefaultVersion": row.number == default_number,
        "CreateDate": in_seconds(row.created_at),
    }
    return {**shown, "Document": document(row.document)} if whole else shown


def access_key(row: Credentials, user_name: str | None) -> dict[str, Any]:
    """Without the secret, which only CreateAccessKey shows. Root's keys have no user name."""
    return {
        **({"UserName": user_name} if user_name else {}),
        "AccessKeyId": row.access_key,
        "Status": "Active" if row.active else "Inactive",
        "CreateDate": in_seconds(row.created_at),
    }


def server_certificate(row: ServerCertificate) -> dict[str, Any]:
    """Its metadata; the key is never shown."""
    return {
        "Path": row.path,
        "ServerCertificateName": row.certificate_name,
        "ServerCertificateId": row.certificate_id,
        "Arn": row.arn,
        "UploadDate": in_seconds(row.uploaded_at),
        "Expiration": in_seconds(row.expires_at),
    }
