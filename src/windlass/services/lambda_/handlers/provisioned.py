"""Provisioned concurrency: how much a version or an alias has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.lambda_ import describe
from windlass.services.lambda_.concurrency import account_limit, may_set_aside, unreserved_min
from windlass.services.lambda_.find import alias_of, no_alias, qualified, require, require_version
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.model import ALIASES, FUNCTIONS, LATEST, VERSIONS, Alias, Function
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.provisioned import Standing
from windlass.services.lambda_.provisioned_model import PROVISIONED, Provisioned
from windlass.services.lambda_.snap_start import without_provisioned


def put_provisioned_concurrency_config(call: Call, params: Params) -> Result:
    """PutProvisionedConcurrencyConfig: allocation begins anew; what is there and still wanted stays."""
    wanted: int = params["ProvisionedConcurrentExecutions"]
    with call.store.transact() as tx:
        function, qualifier = qualified(call, params)
        alias = _alias(call, function, qualifier)
        if qualifier in ("", LATEST) or (alias is not None and LATEST in alias.versions):
            raise invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        if alias is None:
            require_version(call.store, function, qualifier)
            _check_versions(tx, function, [qualifier])
            if qualifier in _of_aliases(tx, function):
                raise _conflict("Version is pointed by a Provisioned Concurrency alias")
        else:
            check_alias(tx, function, alias)
        _check_room(call, tx, function, qualifier, wanted)
        row = Provisioned(*call.scope, function.name, function.uid, qualifier, wanted, modified_at=call.now)
        before = tx[PROVISIONED].get(row.key)
        if before is not None:
            there = min(wanted, before.standing.allocated), min(wanted, before.standing.available)
            row = replace(row, standing=Standing("IN_PROGRESS", "", *there))
        tx[PROVISIONED].put(row)
    return _described(row)


def get_provisioned_concurrency_config(call: Call, params: Params) -> Result:
    function, qualifier = _addressed(call, params)
    row = call.store[PROVISIONED].get((function.uid, qualifier))
    if row is None:
        raise Fault(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        )
    return _described(row)


def delete_provisioned_concurrency_config(call: Call, params: Params) -> Result:
    """DeleteProvisionedConcurrencyConfig: what is not there is gone already."""
    with call.store.transact() as tx:
        function, qualifier = _addressed(call, params)
        tx[PROVISIONED].delete((function.uid, qualifier))
    return {}


def list_provisioned_concurrency_configs(call: Call, params: Params) -> Result:
    """ListProvisionedConcurrencyConfigs of a function, by qualifier."""
    function = require(call, params)
    rows, marker = page(
        call.store[PROVISIONED],
        "function",
        function.uid,
        operation="ListProvisionedConcurrencyConfigs",
        filters=[function.uid],
        token=params.get("Marker"),
        limit=min(params.get("MaxItems", LIST_ITEMS_MAX), LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    listed = [{"FunctionArn": function.qualified_arn(row.qualifier), **_described(row)} for row in rows]
    return describe.page("ProvisionedConcurrencyConfigs", listed, marker)


def provisioned_total(tx: Transaction, function: Function, but: str = "") -> int:
    """What all qualifiers of the function ask for, but for one."""
    rows: list[Provisioned] = tx[PROVISIONED].by("function", function.uid)
    return sum(row.requested for row in rows if row.qualifier != but)


def _check_versions(tx: Transaction, function: Function, numbers: Iterable[str]) -> None:
    """Raise the fault of versions that cannot have it."""
    rows = (tx[VERSIONS].get((function.uid, int(number))) for number in numbers)
    if any(row is not None and row.settings.snap_start for row in rows):
        raise without_provisioned()


def check_alias(tx: Transaction, function: Function, alias: Alias) -> None:
    """Raise the fault of an alias whose versions cannot have provisioned concurrency, or have it already."""
    _check_versions(tx, function, alias.versions)
    if any(tx[PROVISIONED].get((function.uid, version)) for version in alias.versions):
        raise _conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )
    if set(alias.versions) & _of_aliases(tx, function, but=alias.name):
        raise _conflict("Version is pointed by a Provisioned Concurrency alias")


def move(call: Call, tx: Transaction, function: Function, alias: Alias) -> None:
    """The alias leads elsewhere: its provisioned concurrency, if it has any, is allocated there."""
    row = tx[PROVISIONED].get(alias.key)
    if row is None:
        return
    if LATEST in alias.versions:
        raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    check_alias(tx, function, alias)
    tx[PROVISIONED].put(replace(row, modified_at=call.now, standing=Standing()))


def _addressed(call: Call, params: Params) -> tuple[Function, str]:
    """The function and the version or alias that can have provisioned concurrency."""
    function, qualifier = qualified(call, params)
    if qualifier in ("", LATEST):
        raise invalid("The function resource provided must be an alias or a published version.")
    if _alias(call, function, qualifier) is None:
        require_version(call.store, function, qualifier)
    return function, qualifier


def _alias(call: Call, function: Function, qualifier: str) -> Alias | None:
    """The alias that is meant; None for versions. Raises the fault of one that is not."""
    alias = alias_of(call.store, function, qualifier)
    if alias is None and qualifier not in ("", LATEST) and not qualifier.isdecimal():
        raise no_alias(function, qualifier)
    return alias


def _of_aliases(tx: Transaction, function: Function, but: str = "") -> set[str]:
    """The versions that have provisioned concurrency through aliases."""
    aliases: list[Alias] = tx[ALIASES].by("function", function.uid)
    provisioned = [a for a in aliases if a.name != but and tx[PROVISIONED].get(a.key) is not None]
    return {version for alias in provisioned for version in alias.versions}


def _check_room(call: Call, tx: Transaction, function: Function, qualifier: str, wanted: int) -> None:
    """Within the function's reservation if it has one, else within what the account has left for it."""
    others = provisioned_total(tx, function, but=qualifier)
    if function.reserved is not None:
        if others + wanted > function.reserved:
            raise invalid(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    quotas, scope = call.part(Quotas), call.scope
    taken = sum(row.reserved or 0 for row in tx[FUNCTIONS].by("reserved", scope))
    for row in tx[PROVISIONED].by("scope", scope):
        owner = tx[FUNCTIONS].first("uid", row.uid)
        if row.key != (function.uid, qualifier) and owner is not None and owner.reserved is None:
            taken += row.requested
    least = unreserved_min(quotas)
    if not may_set_aside(wanted, taken, account_limit(quotas, scope), least):
        raise invalid(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{least}]."
        )


def _described(row: Provisioned) -> Result:
    standing = row.standing
    described: Result = {
        "RequestedProvisionedConcurrentExecutions": row.requested,
        "AvailableProvisionedConcurrentExecutions": standing.available,
        "AllocatedProvisionedConcurrentExecutions": standing.allocated,
        "Status": standing.status,
        "LastModified": describe.last_modified(row.modified_at),
    }
    if standing.reason:
        described["StatusReason"] = standing.reason
    return described


def _conflict(message: str) -> Fault:
    return Fault("ResourceConflictException", message)
