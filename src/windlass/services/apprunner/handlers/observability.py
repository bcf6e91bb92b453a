"""Observability configurations: stored in revisions, and not acted on."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.services.apprunner import describe_configurations as describe
from windlass.services.apprunner import find, limits, tagging
from windlass.services.apprunner.configuration_model import OBSERVABILITIES, ObservabilityConfiguration
from windlass.services.apprunner.faults import invalid, too_many
from windlass.services.apprunner.model import SERVICES, Reads


def create_observability_configuration(call: Call, params: Params) -> Result:
    """App Runner CreateObservabilityConfiguration: of a name that is there the next revision."""
    name, uid = params["ObservabilityConfigurationName"], call.ids.hex(32)
    if name == find.DEFAULT_NAME:
        raise invalid(f"The name {find.DEFAULT_NAME} is reserved.")
    with call.store.transact() as tx:
        revisions = tx[OBSERVABILITIES].by("name", (*call.scope, name))
        active = [row for row in revisions if row.status == "ACTIVE"]
        if not active:
            rows = tx[OBSERVABILITIES].by("scope", call.scope)
            held = len({row.name for row in rows if row.status == "ACTIVE"})
            find.check_quota(call, limits.QUOTA_OBSERVABILITIES, held, "observability configuration names")
        if len(active) >= limits.OBSERVABILITY_REVISIONS_MAX:
            what = "active revisions of an observability configuration"
            raise too_many(what, limits.OBSERVABILITY_REVISIONS_MAX)
        row = tx[OBSERVABILITIES].put(
            ObservabilityConfiguration(
                *call.scope,
                name=name,
                revision=revisions[-1].revision + 1 if revisions else 1,
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
    rows = [
        row
        for row in sorted(call.store[OBSERVABILITIES].by("scope", call.scope), key=lambda row: row.key)
        if row.status == "ACTIVE" and name in (None, row.name)
    ]
    if params.get("LatestOnly", True):
        rows = list({row.name: row for row in rows}.values())
    shown, token = find.page(call, params, "ListObservabilityConfigurations", rows)
    summaries = [describe.observability_summary(row) for row in shown]
    return {"ObservabilityConfigurationSummaryList": summaries, **token}


def delete_observability_configuration(call: Call, params: Params) -> Result:
    """App Runner DeleteObservabilityConfiguration: one revision that no service has; it stays as INACTIVE."""
    with call.store.transact() as tx:
        row = find.observability(tx, call.scope, params["ObservabilityConfigurationArn"])
        if row.status != "ACTIVE":
            raise invalid(f"The observability configuration {row.arn} is inactive.")
        if _used(tx, row):
            raise invalid(
                "You can't delete the observability configuration. It's used by one or more services."
            )
        row = tx[OBSERVABILITIES].put(replace(row, status="INACTIVE", deleted_at=call.now))
        return {"ObservabilityConfiguration": describe.observability(tx, row)}


def _used(reads: Reads, row: ObservabilityConfiguration) -> bool:
    """An account has few services (limits.QUOTA_SERVICES)."""
    services = reads[SERVICES].by("scope", row.key[:2])
    return any(one.observability.get("ObservabilityConfigurationArn") == row.arn for one in services)
