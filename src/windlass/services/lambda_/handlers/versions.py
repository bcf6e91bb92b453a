"""Publish, list and delete versions."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.lambda_ import describe, settings
from windlass.services.lambda_.changes import match_revision, may_change, next_version, unchanged
from windlass.services.lambda_.code import CodeUsage
from windlass.services.lambda_.find import drop_qualifier, require, version_of_number
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.listing import Asked, versions_of
from windlass.services.lambda_.model import ALIASES, FUNCTIONS, LATEST, VERSIONS, Function, Version
from windlass.services.lambda_.package import invalid


def publish_version(call: Call, params: Params) -> Result:
    """PublishVersion: of what $LATEST is; the version published last when that has not changed since."""
    settings.refuse_absent(params)
    with call.store.transact() as tx:
        function = require(call, params)
        may_change(function)
        match_revision(params.get("RevisionId"), function.revision_id)
        actual = describe.configuration(function)["CodeSha256"]
        expected = params.get("CodeSha256") or actual
        if expected != actual:
            raise invalid(
                f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({actual}). Please "
                "try again with the CodeSHA256 in $LATEST."
            )
        version = publish(call, tx, function, params.get("Description"))
    return describe.version(version)


def publish(
    call: Call, tx: Transaction, function: Function, description: str | None = None, growth: int = 0
) -> Version:
    """Publish the function as it is now; the last version again when nothing has changed since.

    `growth`: bytes by which the function itself has grown in this transaction.
    """
    last = tx[VERSIONS].last("function", function.uid)
    if last is not None and unchanged(function, last):
        return last
    call.part(CodeUsage).check(call.scope, function.wanted.code_size + growth)
    version = tx[VERSIONS].put(next_version(function, description, call.now, call.ids.uuid()))
    tx[FUNCTIONS].put(replace(function, last_version=version.number))
    return version


def list_versions_by_function(call: Call, params: Params) -> Result:
    """ListVersionsByFunction: $LATEST, then the oldest first."""
    function = require(call, params)
    asked = Asked(params.get("Marker"), params.get("MaxItems", LIST_ITEMS_MAX))
    rows, marker = versions_of(call.store, function, asked)
    return describe.page("Versions", [describe.listed(row) for row in rows], marker)


def delete_version(call: Call, tx: Transaction, function: Function, qualifier: str) -> None:
    """DeleteFunction with a qualifier. One that is not there is gone already."""
    if qualifier == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    if not qualifier.isdecimal():
        raise invalid("Deletion of aliases is not currently supported.")
    version = version_of_number(call.store, function, qualifier)
    if version is None:
        return
    aliases = tx[ALIASES].by("function", function.uid)
    pointing = [alias.name for alias in aliases if qualifier in alias.versions]
    if pointing:
        raise Fault(
            "ResourceConflictException",
            f"Unable to delete version because the following aliases reference it: [{', '.join(pointing)}]",
        )
    drop_qualifier(tx, function, qualifier)
    tx[VERSIONS].delete(version.key)
