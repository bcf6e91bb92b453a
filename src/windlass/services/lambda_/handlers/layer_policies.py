"""Who else may use a layer version: its resource-based policy, enforced where layers are read and used."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.lambda_.changes import match_revision
from windlass.services.lambda_.handlers.layers import numbered
from windlass.services.lambda_.layer_model import LAYER_VERSIONS, LayerVersion
from windlass.services.lambda_.layers import not_allowed, statement_of
from windlass.services.lambda_.resource_policy import appended, policy_text, without


def add_layer_version_permission(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        version = _own(call, params)
        match_revision(params.get("RevisionId"), version.revision_id, "GetLayerVersionPolicy")
        policy, text = appended(version.policy, params["StatementId"], statement_of(version, params))
        version = tx[LAYER_VERSIONS].put(replace(version, policy=policy, revision_id=call.ids.uuid()))
    return {"Statement": text, "RevisionId": version.revision_id}


def get_layer_version_policy(call: Call, params: Params) -> Result:
    version = _own(call, params)
    if not version.policy:
        raise Fault("ResourceNotFoundException", "No policy is associated with the given resource.")
    return {"Policy": policy_text(version.policy), "RevisionId": version.revision_id}


def remove_layer_version_permission(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        version = _own(call, params)
        match_revision(params.get("RevisionId"), version.revision_id, "GetLayerVersionPolicy")
        policy = without(version.policy, params["StatementId"])
        tx[LAYER_VERSIONS].put(replace(version, policy=policy, revision_id=call.ids.uuid()))
    return {}


def _own(call: Call, params: Params) -> LayerVersion:
    """The caller's layer version that the request names."""
    reference = numbered(call, params)
    if reference.account != call.account:
        raise not_allowed(call.caller.arn, reference)
    missing = Fault("ResourceNotFoundException", f"Layer version {reference.arn} does not exist.")
    return call.store[LAYER_VERSIONS].require(reference.key, lambda: missing)
