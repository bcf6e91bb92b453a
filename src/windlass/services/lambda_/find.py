"""Rows that a request means, or AWS's fault: functions, versions, aliases."""

from __future__ import annotations

import re
from collections.abc import Callable

from windlass.aws.calls import Call, Params
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.lambda_.grants import allows
from windlass.services.lambda_.model import (
    ALIASES,
    FUNCTIONS,
    LATEST,
    OF_A_QUALIFIER,
    VERSIONS,
    Alias,
    Function,
    Version,
    pool_key,
)
from windlass.services.lambda_.names import Reference, denied, not_found, reference_of, resolve
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.target import PUBLISHED_GENERATION, version_of

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
"""How a version is written: no zeros in front, and short enough to be one."""


def reference(call: Call, params: Params) -> Reference:
    """The function, and perhaps the version or alias, that the request names."""
    return resolve(
        params["FunctionName"], params.get("Qualifier"), call.account, call.region, call.caller.arn
    )


def qualified(call: Call, params: Params, action: str = "") -> tuple[Function, str]:
    """The function that the request names and its qualifier, of which nothing is known yet.

    With an action ("lambda:InvokeFunction") a policy may let callers of other accounts have it.
    """
    named = reference_of(params["FunctionName"], params.get("Qualifier"), call.account, call.region)
    function = call.store[FUNCTIONS].get(named.key)
    if named.account != call.account:
        policy = () if function is None else policy_of(call.store, function, named.qualifier)
        if not action or not allows(policy, action, call.account, call.caller.arn):
            raise denied(named, call.caller.arn, action)
    if function is None:
        raise not_found(named.arn)
    return function, named.qualifier


def policy_of(store: Store, function: Function, qualifier: str) -> tuple[tuple[str, str], ...]:
    """The resource policy of the function, or of its version or alias; empty for one that is not there."""
    if qualifier in ("", LATEST):
        return function.policy
    holder = alias_of(store, function, qualifier) or version_of_number(store, function, qualifier)
    return () if holder is None else holder.policy


def require(call: Call, params: Params) -> Function:
    """The function that the request names, for an operation that versions and aliases do not support."""
    named = reference(call, params)
    if named.qualifier not in ("", LATEST):
        raise invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )
    return call.store[FUNCTIONS].require(named.key, lambda: not_found(named.arn))


def alias_of(store: Store, function: Function, qualifier: str) -> Alias | None:
    """The function's alias of that name; None for a qualifier that is a version or no alias's name."""
    return store[ALIASES].get((function.uid, qualifier))


def version_at(store: Store, function: Function, qualifier: str, draw: Callable[[], float]) -> Version | None:
    """The published version that the qualifier leads to; None when it is the function itself.

    `draw` chooses among the versions of an alias with weights. Raises the fault of a qualifier that is not.
    """
    alias = alias_of(store, function, qualifier)
    number = qualifier if alias is None else version_of(alias, draw() if alias.weights else 0.0)
    return None if number in ("", LATEST) else require_version(store, function, number)


def version_of_number(store: Store, function: Function, number: str) -> Version | None:
    """The function's published version of that number, if there is one."""
    return store[VERSIONS].get((function.uid, int(number))) if _NUMBER.fullmatch(number) else None


def require_version(store: Store, function: Function, number: str) -> Version:
    """The function's version of that number. Raises the fault of one that is not."""
    version = version_of_number(store, function, number)
    if version is None:
        raise no_such(function, number)
    return version


def put_row(tx: Transaction, row: Function | Version) -> None:
    """Write a function or a version that is still there."""
    if isinstance(row, Function):
        tx[FUNCTIONS].put(row)
    else:
        tx[VERSIONS].put(row)


def pool_of(row: Function | Version) -> str:
    """The key of the pool of environments that run it."""
    return pool_key(row.uid, str(row.number) if isinstance(row, Version) else LATEST)


def row_of_pool(store: Store, pool: str) -> Function | Version | None:
    """The function or version that the environments of a pool run; None when it is gone."""
    uid, _, number = pool.partition(":")
    return store[VERSIONS].get((uid, int(number))) if number else store[FUNCTIONS].first("uid", uid)


def drop_qualifier(tx: Transaction, function: Function, qualifier: str) -> None:
    """Delete what hangs on a version or an alias that is being deleted."""
    for table in OF_A_QUALIFIER:
        tx[table].delete((function.uid, qualifier))


def served_generation(store: Store, pool: str) -> int | None:
    """The generation that the environments of a pool should have; None when what they run is gone."""
    row = row_of_pool(store, pool)
    if isinstance(row, Version):
        return PUBLISHED_GENERATION
    return None if row is None else row.served_generation


def no_such(function: Function, qualifier: str) -> Fault:
    """The fault of a version or alias that the function does not have."""
    return not_found(function.qualified_arn(qualifier))


def no_alias(function: Function, name: str) -> Fault:
    """The same, where only an alias can be meant."""
    return Fault("ResourceNotFoundException", f"Cannot find alias arn: {function.qualified_arn(name)}")
