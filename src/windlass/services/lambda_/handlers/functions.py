"""Create, change, read, list and delete functions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.store import Transaction
from windlass.services.lambda_ import describe, settings
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.concurrency import account_limit
from windlass.services.lambda_.find import qualified, reference, require, version_at
from windlass.services.lambda_.handlers.tags import check_tags
from windlass.services.lambda_.limits import (
    LIST_ITEMS_MAX,
    NAME_CHARS_MAX,
    UNZIPPED_BYTES_MAX,
    ZIP_BYTES_MAX,
)
from windlass.services.lambda_.model import ALIASES, FUNCTIONS, LATEST, VERSIONS, Function
from windlass.services.lambda_.names import Reference, not_active, not_found
from windlass.services.lambda_.package import check_package, invalid

CODE_STORAGE_BYTES = 80_530_636_800
"""75 GB; Lambda quotas, "Storage for uploaded functions"."""


async def create_function(call: Call, params: Params) -> Result:
    """CreateFunction: stored as Pending; the controller makes it Active."""
    named = reference(call, params)
    if len(named.name) > NAME_CHARS_MAX:
        raise invalid(f"Function name {named.name} is longer than {NAME_CHARS_MAX} characters")
    settings.refuse_absent(params)
    check_tags(params.get("Tags", {}))
    if call.store[FUNCTIONS].get(named.key) is not None:
        raise _exists(named)
    sha256, size = await _take_code(call, params["Code"])
    wanted = settings.created(params, sha256, size)
    with call.store.transact() as tx:
        if tx[FUNCTIONS].get(named.key) is not None:
            raise _exists(named)
        function = tx[FUNCTIONS].put(
            Function(
                account=named.account,
                region=named.region,
                name=named.name,
                uid=call.ids.hex(16),
                wanted=wanted,
                generation=1,
                created_at=call.now,
                last_modified=call.now,
                revision_id=call.ids.uuid(),
                tags=tuple(sorted(params.get("Tags", {}).items())),
            )
        )
    return describe.configuration(function)


async def update_function_code(call: Call, params: Params) -> Result:
    """UpdateFunctionCode: until the controller took it over, the old code serves."""
    function = require(call, params)
    settings.refuse_absent(params)
    _may_change(function, params)
    sha256, size = await _take_code(call, params)
    with call.store.transact() as tx:
        function = tx[FUNCTIONS].require(function.key, lambda: not_found(reference(call, params)))
        _may_change(function, params)
        architecture = (params.get("Architectures") or [function.wanted.architecture])[0]
        wanted = replace(function.wanted, code_sha256=sha256, code_size=size, architecture=architecture)
        if params.get("DryRun"):
            return describe.configuration(replace(function, wanted=wanted))
        function = _change(call, tx, replace(function, wanted=wanted))
    return describe.configuration(function)


def update_function_configuration(call: Call, params: Params) -> Result:
    """UpdateFunctionConfiguration: what the request leaves out stays."""
    settings.refuse_absent(params)
    with call.store.transact() as tx:
        function = require(call, params)
        _may_change(function, params)
        wanted = settings.updated(function.wanted, params)
        function = _change(call, tx, replace(function, wanted=wanted))
    return describe.configuration(function)


def get_function(call: Call, params: Params) -> Result:
    """GetFunction. Known gap: Code has no Location."""
    function, qualifier = qualified(call, params)
    described: Result = {
        "Configuration": _configuration(call, function, qualifier),
        "Code": {"RepositoryType": "S3"},
    }
    if function.tags:
        described["Tags"] = dict(function.tags)
    if function.reserved is not None:
        described["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return described


def get_function_configuration(call: Call, params: Params) -> Result:
    return _configuration(call, *qualified(call, params))


def _configuration(call: Call, function: Function, qualifier: str) -> Result:
    """Of the function or a version; an alias with weights shows the version that it names first."""
    version = version_at(call.store, function, qualifier, lambda: 1.0)
    if version is None:
        return describe.configuration(function, qualifier)
    return describe.version(version, qualifier)


def list_functions(call: Call, params: Params) -> Result:
    """ListFunctions, by name; never more than LIST_ITEMS_MAX."""
    everything = params.get("FunctionVersion") == "ALL"
    rows, marker = page(
        call.store[FUNCTIONS],
        "scope",
        call.scope,
        operation="ListFunctions",
        filters=[*call.scope, everything],
        token=params.get("Marker"),
        limit=min(params.get("MaxItems", LIST_ITEMS_MAX), LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    result: Result = {
        "Functions": [describe.configuration(row, LATEST if everything else "", states=False) for row in rows]
    }
    if marker is not None:
        result["NextMarker"] = marker
    return result


def delete_function(call: Call, params: Params) -> Result:
    """DeleteFunction: events that run go on to their end; queued ones are dropped."""
    named = reference(call, params)
    if named.qualifier == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    with call.store.transact() as tx:
        function = tx[FUNCTIONS].require(named.key, lambda: not_found(named))
        for version in tx[VERSIONS].by("function", function.uid):
            tx[VERSIONS].delete(version.key)
        for alias in tx[ALIASES].by("function", function.uid):
            tx[ALIASES].delete(alias.key)
        tx[FUNCTIONS].delete(named.key)
    return {"StatusCode": 204}


def get_account_settings(call: Call, params: Params) -> Result:
    """GetAccountSettings: limits in force, and what this Region's functions take."""
    functions = call.store[FUNCTIONS].by("scope", call.scope)
    limit = account_limit(call.part(Quotas), call.scope)
    reserved = sum(function.reserved or 0 for function in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIP_BYTES_MAX,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": sum(function.wanted.code_size for function in functions),
            "FunctionCount": len(functions),
        },
    }


async def _take_code(call: Call, code: Params) -> tuple[str, int]:
    """Check and store the package of the request: (its SHA-256, its size)."""
    settings.refuse_foreign_code(code)
    data: bytes | None = code.get("ZipFile")
    if data is None:
        raise invalid("Please provide a source for function code.")
    packages = call.part(CodeStore)
    await packages.aside(partial(check_package, data))
    try:
        sha256 = await packages.aside(partial(packages.put, data))
    except OSError as error:
        raise Retry(f"the package could not be stored: {error}") from error
    return sha256, len(data)


def _may_change(function: Function, params: Params) -> None:
    if function.state != "Active":
        raise not_active(function.state)
    if function.changing:
        raise Fault(
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: "
            + function.arn,
        )
    expected = params.get("RevisionId")
    if expected is not None and expected != function.revision_id:
        raise Fault(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the "
            "GetFunction/GetAlias API to retrieve the latest RevisionId",
        )


def _change(call: Call, tx: Transaction, function: Function) -> Function:
    """Write the new `wanted` and have the controller take it over."""
    return tx[FUNCTIONS].put(
        replace(
            function,
            generation=function.generation + 1,
            update_status="InProgress",
            last_modified=call.now,
            revision_id=call.ids.uuid(),
        )
    )


def _exists(named: Reference) -> Fault:
    return Fault("ResourceConflictException", f"Function already exist: {named.name}")
