"""IAM: roles, users, policies and access keys, stored and read back.

Nothing is enforced: no policy ever denies a call, and PassRole is not checked. See docs/aws/iam.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.server_certificates import ServerCertificates
from windlass.services.iam.handlers import (
    access_keys,
    attachments,
    inline_policies,
    policies,
    policy_versions,
    roles,
    server_certificates,
    users,
)
from windlass.services.iam.model import TABLES
from windlass.services.plane import Plane, Service

_NO_AWS_POLICIES = "AWS's own managed policies are accepted by ARN when attached, and not stored"


def _start(plane: Plane) -> Sequence[object]:
    keeper = server_certificates.keeper(plane.store)
    plane.calls.part(ServerCertificates).serve("iam", keeper)
    return ()


SERVICE = Service(
    name="iam",
    handlers={
        "CreateRole": roles.create_role,
        "GetRole": roles.get_role,
        "ListRoles": roles.list_roles,
        "UpdateRole": roles.update_role,
        "UpdateRoleDescription": roles.update_role_description,
        "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
        "DeleteRole": roles.delete_role,
        "TagRole": roles.tag_role,
        "UntagRole": roles.untag_role,
        "ListRoleTags": roles.list_role_tags,
        "CreateUser": users.create_user,
        "GetUser": users.get_user,
        "ListUsers": users.list_users,
        "DeleteUser": users.delete_user,
        "TagUser": users.tag_user,
        "UntagUser": users.untag_user,
        "ListUserTags": users.list_user_tags,
        "CreateAccessKey": access_keys.create_access_key,
        "ListAccessKeys": access_keys.list_access_keys,
        "UpdateAccessKey": access_keys.update_access_key,
        "DeleteAccessKey": access_keys.delete_access_key,
        "CreatePolicy": policies.create_policy,
        "GetPolicy": policies.get_policy,
        "ListPolicies": policies.list_policies,
        "DeletePolicy": policies.delete_policy,
        "TagPolicy": policies.tag_policy,
        "UntagPolicy": policies.untag_policy,
        "ListPolicyTags": policies.list_policy_tags,
        "CreatePolicyVersion": policy_versions.create_policy_version,
        "GetPolicyVersion": policy_versions.get_policy_version,
        "ListPolicyVersions": policy_versions.list_policy_versions,
        "SetDefaultPolicyVersion": policy_versions.set_default_policy_version,
        "DeletePolicyVersion": policy_versions.delete_policy_version,
        "AttachRolePolicy": attachments.attach_role_policy,
        "AttachUserPolicy": attachments.attach_user_policy,
        "DetachRolePolicy": attachments.detach_role_policy,
        "DetachUserPolicy": attachments.detach_user_policy,
        "ListAttachedRolePolicies": attachments.list_attached_role_policies,
        "ListAttachedUserPolicies": attachments.list_attached_user_policies,
        "ListEntitiesForPolicy": attachments.list_entities_for_policy,
        "PutRolePolicy": inline_policies.put_role_policy,
        "PutUserPolicy": inline_policies.put_user_policy,
        "GetRolePolicy": inline_policies.get_role_policy,
        "GetUserPolicy": inline_policies.get_user_policy,
        "ListRolePolicies": inline_policies.list_role_policies,
        "ListUserPolicies": inline_policies.list_user_policies,
        "DeleteRolePolicy": inline_policies.delete_role_policy,
        "DeleteUserPolicy": inline_policies.delete_user_policy,
        "UploadServerCertificate": server_certificates.upload_server_certificate,
        "GetServerCertificate": server_certificates.get_server_certificate,
        "ListServerCertificates": server_certificates.list_server_certificates,
        "UpdateServerCertificate": server_certificates.update_server_certificate,
        "DeleteServerCertificate": server_certificates.delete_server_certificate,
        "TagServerCertificate": server_certificates.tag_server_certificate,
        "UntagServerCertificate": server_certificates.untag_server_certificate,
        "ListServerCertificateTags": server_certificates.list_server_certificate_tags,
    },
    tables=TABLES,
    start=_start,
    partial={
        "CreateRole": "PermissionsBoundary is stored and not enforced, as are all policies",
        "CreateUser": "PermissionsBoundary is stored and not enforced, as are all policies",
        "GetRole": "RoleLastUsed is always empty",
        "GetUser": "PasswordLastUsed is not there; root's CreateDate is 1970",
        "GetPolicy": _NO_AWS_POLICIES,
        "GetPolicyVersion": _NO_AWS_POLICIES,
        "ListPolicies": f"{_NO_AWS_POLICIES}; Scope AWS lists nothing",
        "UpdateServerCertificate": "a certificate that a load balancer uses keeps its name",
        "AttachRolePolicy": f"{_NO_AWS_POLICIES}; whether such a policy exists is not checked",
        "AttachUserPolicy": f"{_NO_AWS_POLICIES}; whether such a policy exists is not checked",
    },
    invalid="ValidationError",
    throttled="Throttling",
)
