"""Observability configurations: stored in revisions, and not acted on."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.services.apprunner import describe_configurations as describe
from windlass.services.apprunner import find, limits, references, revisions, tagging
from windlass.services.apprunner.configuration_model import OBSERVABILITIES, ObservabilityConfiguration
from windlass.services.apprunner.faults import invalid


def create_observability_configuration(call: Call, params: Params) -> Result:
    """App Runner CreateObservabilityConfiguration: of a name that is there the next revision."""
    name, uid = params["ObservabilityConfigurationName"], call.ids.hex(32)
    if name == find.DEFAULT_NAME:
        raise invalid(f"The name {find.DEFAULT_NAME} is reserved.")
    with call.store.transact() as tx:
        rows, most = tx[OBSERVABILITIES].by("scope", call.scope), limits.OBSERVABILITY_REVISIONS_MAX
        noun = "observability configuration"
        number = revisions.following(call, rows, name, limits.QUOTA_OBSERVABILITIES, most, noun)
        row = tx[OBSERVABILITIES].put(
            ObservabilityConfiguration(
                *call.scope,
                name=name,
                revision=number,
                id=uid,
                created_at=call.now,
                trace=params.get("TraceConfiguration", {}),
                tags=tagging.read(params.get("Tags", ())),
            )
        )
        return {"ObservabilityConfiguration": describe.observability(tx, row)}


def describe_observability_configuration(call: Call, params: Params) -> Result:
    """App Runner DescribeObservabilityConfiguration."""
    row = find.observability(call.store, call.scope, params["ObservabilityConfigurationArn"])
    return {"ObservabilityConfiguration": describe.observability(call.store, row)}


def list_observability_configurations(call: Call, params: Params) -> Result:
    """App Runner ListObservabilityConfigurations: active ones; of each name the newest, or all revisions."""
    name = params.get("ObservabilityConfigurationName")
    rows = revisions.listed(params, call.store[OBSERVABILITIES].by("scope", call.scope), name)
    shown, token = find.page(call, params, "ListObservabilityConfigurations", rows)
    summaries = [describe.observability_summary(row) for row in shown]
    return {"ObservabilityConfigurationSummaryList": summaries, **token}


def delete_observability_configuration(call: Call, params: Params) -> Result:
    """App Runner DeleteObservabilityConfiguration: one revision that no service has; it stays as INACTIVE."""
    with call.store.transact() as tx:
        row = find.observability(tx, call.scope, params["ObservabilityConfigurationArn"])
        if row.status != "ACTIVE":
            raise invalid(f"The observability configuration {row.arn} is inactive.")
        if row.arn in references.held(tx, call.scope):
            raise invalid(
                "You can't delete the observability configuration. It's used by one or more services."
            )
        row = tx[OBSERVABILITIES].put(replace(row, status="INACTIVE", deleted_at=call.now))
        return {"ObservabilityConfiguration": describe.observability(tx, row)}
