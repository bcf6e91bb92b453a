"""Aliases: names for versions, perhaps for two of them with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.faults import Fault
from windlass.services.lambda_ import describe
from windlass.services.lambda_.changes import match_revision
from windlass.services.lambda_.find import alias_of, drop_qualifier, no_alias, require, require_version
from windlass.services.lambda_.handlers.provisioned import move
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.model import ALIASES, LATEST, Alias, Function
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.routing import check_weights


def create_alias(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        function = require(call, params)
        name = params["Name"]
        if alias_of(call.store, function, name) is not None:
            raise Fault("ResourceConflictException", f"Alias already exists: {function.qualified_arn(name)}")
        alias = Alias(
            account=function.account,
            region=function.region,
            function=function.name,
            uid=function.uid,
            name=name,
            version=LATEST,
            revision_id="",
        )
        alias = tx[ALIASES].put(_pointed(call, function, alias, params))
    return describe.alias(alias)


def update_alias(call: Call, params: Params) -> Result:
    """UpdateAlias: what the request leaves out stays."""
    with call.store.transact() as tx:
        function = require(call, params)
        alias = alias_of(call.store, function, params["Name"])
        if alias is None:
            raise Fault(
                "ResourceNotFoundException", f"Alias not found: {function.qualified_arn(params['Name'])}"
            )
        match_revision(params.get("RevisionId"), alias.revision_id, "GetAlias")
        pointed = tx[ALIASES].put(_pointed(call, function, alias, params))
        if (pointed.version, pointed.weights) != (alias.version, alias.weights):
            move(call, tx, function, pointed)
    return describe.alias(pointed)


def get_alias(call: Call, params: Params) -> Result:
    function = require(call, params)
    alias = alias_of(call.store, function, params["Name"])
    if alias is None:
        raise no_alias(function, params["Name"])
    return describe.alias(alias)


def list_aliases(call: Call, params: Params) -> Result:
    """ListAliases, by name; FunctionVersion leaves those that have it first or beside the first."""
    function = require(call, params)
    wanted: str | None = params.get("FunctionVersion")
    rows, marker = page(
        call.store[ALIASES],
        "function",
        function.uid,
        operation="ListAliases",
        filters=[function.uid, wanted],
        token=params.get("Marker"),
        limit=min(params.get("MaxItems", LIST_ITEMS_MAX), LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
        where=lambda alias: wanted is None or wanted in alias.versions,
    )
    return describe.page("Aliases", [describe.alias(alias) for alias in rows], marker)


def delete_alias(call: Call, params: Params) -> Result:
    """DeleteAlias, with its URL and what was configured. One that is not there is gone already."""
    with call.store.transact() as tx:
        function, name = require(call, params), params["Name"]
        drop_qualifier(tx, function, name)
        tx[ALIASES].delete((function.uid, name))
    return {}


def _pointed(call: Call, function: Function, alias: Alias, params: Params) -> Alias:
    """The alias with what the request gives, or the fault of versions or weights that cannot be."""
    version = params.get("FunctionVersion", alias.version)
    weights: Mapping[str, float] = dict(alias.weights)
    if "RoutingConfig" in params:
        weights = params["RoutingConfig"].get("AdditionalVersionWeights") or {}
    checked = check_weights(version, weights)
    for number in (version, *weights):
        if number != LATEST:
            require_version(call.store, function, number)
    return replace(
        alias,
        version=version,
        weights=checked,
        description=params.get("Description", alias.description),
        revision_id=call.ids.uuid(),
    )
