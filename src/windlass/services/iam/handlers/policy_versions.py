"""Versions of managed policies: CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions,
SetDefaultPolicyVersion, DeletePolicyVersion."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.iam import describe
from windlass.services.iam.find import policy_with
from windlass.services.iam.handlers.policies import checked
from windlass.services.iam.limits import POLICY_VERSIONS_MAX
from windlass.services.iam.listing import answer, page_of
from windlass.services.iam.model import POLICIES, Policy, Version
from windlass.services.iam.refusals import in_use, no_such


def create_policy_version(call: Call, params: Params) -> Result:
    """IAM CreatePolicyVersion; numbers of deleted versions do not come back."""
    document = checked(params["PolicyDocument"])
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        if len(row.versions) >= POLICY_VERSIONS_MAX:
            raise Fault(
                "LimitExceededException",
                f"A managed policy can have up to {POLICY_VERSIONS_MAX} versions. Before you create a new "
                "version, you must delete an existing version.",
            )
        version = Version(row.next_number, document, call.now)
        row = tx[POLICIES].put(
            replace(
                row,
                versions=(*row.versions, version),
                next_number=version.number + 1,
                default_number=version.number if params.get("SetAsDefault") else row.default_number,
                updated_at=call.now,
            )
        )
    return {"PolicyVersion": describe.version(version, row.default_number, whole=False)}


def get_policy_version(call: Call, params: Params) -> Result:
    """IAM GetPolicyVersion."""
    row = policy_with(call.store[POLICIES], call, params["PolicyArn"])
    version = _version_of(row, params["VersionId"])
    return {"PolicyVersion": describe.version(version, row.default_number)}


def list_policy_versions(call: Call, params: Params) -> Result:
    """IAM ListPolicyVersions, newest first."""
    row = policy_with(call.store[POLICIES], call, params["PolicyArn"])
    versions, marker = page_of(call, params, row.versions[::-1], "ListPolicyVersions", row.arn)
    shown = [describe.version(version, row.default_number, whole=False) for version in versions]
    return answer("Versions", shown, marker)


def set_default_policy_version(call: Call, params: Params) -> None:
    """IAM SetDefaultPolicyVersion."""
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        version = _version_of(row, params["VersionId"])
        tx[POLICIES].put(replace(row, default_number=version.number, updated_at=call.now))


def delete_policy_version(call: Call, params: Params) -> None:
    """IAM DeletePolicyVersion: any but the default one."""
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        version = _version_of(row, params["VersionId"])
        if version.number == row.default_number:
            raise in_use("Cannot delete the default version of a policy.")
        kept = tuple(held for held in row.versions if held is not version)
        tx[POLICIES].put(replace(row, versions=kept, updated_at=call.now))


def _version_of(row: Policy, name: str) -> Version:
    for version in row.versions:
        if f"v{version.number}" == name:
            return version
    raise no_such(f"Policy {row.arn} version {name} does not exist or is not attachable.")()
