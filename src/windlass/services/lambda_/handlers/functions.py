"""Create, change, read, list and delete functions."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.lambda_ import describe, images, settings, vpc_config
from windlass.services.lambda_.changes import match_revision, may_change
from windlass.services.lambda_.code import CodeUsage
from windlass.services.lambda_.downloads import Downloads
from windlass.services.lambda_.find import qualified, reference, require, version_at
from windlass.services.lambda_.handlers.layers import uses
from windlass.services.lambda_.handlers.packages import take_package
from windlass.services.lambda_.handlers.tags import check_tags
from windlass.services.lambda_.handlers.versions import delete_version, publish
from windlass.services.lambda_.layers import check_total
from windlass.services.lambda_.limits import LIST_ITEMS_MAX, NAME_CHARS_MAX
from windlass.services.lambda_.listing import Asked, all_versions
from windlass.services.lambda_.model import FUNCTIONS, OF_A_FUNCTION, Function, Settings
from windlass.services.lambda_.names import Reference, not_found
from windlass.services.lambda_.package import invalid

NO_CODE = "Please provide a source for function code."


async def create_function(call: Call, params: Params) -> Result:
    """CreateFunction: stored as Pending; the controller makes it Active."""
    named = reference(call, params)
    if len(named.name) > NAME_CHARS_MAX:
        raise invalid(f"Function name {named.name} is longer than {NAME_CHARS_MAX} characters")
    settings.refuse_absent(params)
    check_tags(params.get("Tags", {}))
    if call.store[FUNCTIONS].get(named.key) is not None:
        raise _exists(named)
    vpc = await vpc_config.checked(call, params)
    if images.is_image(params):
        wanted, size = settings.updated(images.created(params), params), 0
    else:
        package = await take_package(call, params["Code"], NO_CODE)
        wanted, size = _with_layers(call, settings.created(params, package), params), package.size
    wanted = replace(wanted, vpc=vpc if vpc and vpc.subnets else None)
    call.part(CodeUsage).check(call.scope, size)
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
        return _changed(call, tx, function, params, size)


async def update_function_code(call: Call, params: Params) -> Result:
    """UpdateFunctionCode: until the controller took it over, the old code serves."""
    function = require(call, params)
    settings.refuse_absent(params)
    may_change(function)
    package = None
    if images.with_code(function.wanted, params) is None:
        package = await take_package(call, params, NO_CODE)
    with call.store.transact() as tx:
        function = tx[FUNCTIONS].require(function.key, lambda: not_found(function.arn))
        may_change(function)
        match_revision(params.get("RevisionId"), function.revision_id)
        architecture = (params.get("Architectures") or [function.wanted.architecture])[0]
        wanted = images.with_code(function.wanted, params)
        if wanted is None:
            assert package is not None, "a function never changes its package type"
            wanted = settings.with_package(function.wanted, package)
            check_total(wanted.unpacked_size, wanted.layers)
        wanted = replace(wanted, architecture=architecture)
        if params.get("DryRun"):
            return describe.configuration(replace(function, wanted=wanted))
        growth = wanted.code_size - function.wanted.code_size
        call.part(CodeUsage).check(call.scope, growth)
        return _changed(call, tx, _change(call, tx, replace(function, wanted=wanted)), params, growth)


async def update_function_configuration(call: Call, params: Params) -> Result:
    """UpdateFunctionConfiguration: what the request leaves out stays."""
    settings.refuse_absent(params)
    vpc = await vpc_config.checked(call, params)
    with call.store.transact() as tx:
        function = require(call, params)
        may_change(function)
        match_revision(params.get("RevisionId"), function.revision_id)
        wanted = images.reconfigured(settings.updated(function.wanted, params), params)
        wanted = _with_layers(call, wanted, params)
        wanted = wanted if vpc is None else replace(wanted, vpc=vpc)
        function = _change(call, tx, replace(function, wanted=wanted))
    return describe.configuration(function)


def get_function(call: Call, params: Params) -> Result:
    """GetFunction: configuration, and where the package can be fetched for ten minutes."""
    function, qualifier = qualified(call, params, "lambda:GetFunction")
    row = version_at(call.store, function, qualifier, _first) or function
    described: Result = {
        "Configuration": describe.found(row, qualifier),
        "Code": _code(call, row.shown),
    }
    if function.tags:
        described["Tags"] = dict(function.tags)
    if function.reserved is not None:
        described["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return described


def _code(call: Call, shown: Settings) -> Result:
    if shown.image is not None:
        return images.code_location(shown.image)
    location = call.part(Downloads).url(call.endpoint, shown.code_sha256)
    return {"RepositoryType": "S3", "Location": location}


def get_function_configuration(call: Call, params: Params) -> Result:
    function, qualifier = qualified(call, params, "lambda:GetFunctionConfiguration")
    return describe.found(version_at(call.store, function, qualifier, _first) or function, qualifier)


def _first() -> float:
    """A draw that chooses the version that an alias names first, whatever its weights."""
    return 1.0


def list_functions(call: Call, params: Params) -> Result:
    """ListFunctions, by name; with FunctionVersion ALL each followed by its versions.

    MasterRegion asks for replicas of functions at edge locations, of which there are none.
    """
    everything = params.get("FunctionVersion") == "ALL"
    master = params.get("MasterRegion", "ALL")
    if "MasterRegion" in params and not everything:
        raise invalid("FunctionVersion must be ALL when MasterRegion is given")
    if master != "ALL":
        return describe.page("Functions", [], None)
    if everything:
        asked = Asked(params.get("Marker"), params.get("MaxItems", LIST_ITEMS_MAX))
        listed, marker = all_versions(call.store, call.scope, asked)
        return describe.page("Functions", [describe.listed(row) for row in listed], marker)
    rows, marker = page(
        call.store[FUNCTIONS],
        "scope",
        call.scope,
        operation="ListFunctions",
        filters=[*call.scope, False],
        token=params.get("Marker"),
        limit=min(params.get("MaxItems", LIST_ITEMS_MAX), LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    return describe.page("Functions", [describe.configuration(row, states=False) for row in rows], marker)


def delete_function(call: Call, params: Params) -> Result:
    """DeleteFunction: events that run go on to their end; queued ones are dropped.

    With a qualifier it is one version that goes.
    """
    with call.store.transact() as tx:
        function, qualifier = qualified(call, params)
        if qualifier:
            delete_version(call, tx, function, qualifier)
            return {"StatusCode": 204}
        for table in OF_A_FUNCTION:
            for row in tx[table].by("function", function.uid):
                tx[table].delete(row.key)
        tx[FUNCTIONS].delete(function.key)
    return {"StatusCode": 204}


def _with_layers(call: Call, wanted: Settings, params: Params) -> Settings:
    """The settings with the layers of the request, if it has any; all that is unpacked together must fit."""
    if wanted.image is not None and params.get("Layers"):
        raise invalid("Layers are not for functions with packageType Image: leave them out.")
    if "Layers" in params:
        wanted = replace(wanted, layers=uses(call, params["Layers"]))
    check_total(wanted.unpacked_size, wanted.layers)
    return wanted


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


def _changed(call: Call, tx: Transaction, function: Function, params: Params, growth: int) -> Result:
    """The answer to a change by so many bytes: the function, or with Publish the version that it makes."""
    if params.get("Publish"):
        return describe.version(publish(call, tx, function, growth=growth))
    return describe.configuration(function)


def _exists(named: Reference) -> Fault:
    return Fault("ResourceConflictException", f"Function already exist: {named.name}")
