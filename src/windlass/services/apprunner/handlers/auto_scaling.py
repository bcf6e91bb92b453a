"""Auto scaling configurations: revisions that never change, one of which is the scope's default."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.apprunner import describe_configurations as describe
from windlass.services.apprunner import find, limits, references, revisions, tagging
from windlass.services.apprunner.configuration_model import (
    DEFAULT_SCALINGS,
    SCALINGS,
    AutoScalingConfiguration,
    DefaultScaling,
)
from windlass.services.apprunner.faults import SCALING_IN_USE, invalid
from windlass.services.apprunner.model import SERVICES, Scaling


def create_auto_scaling_configuration(call: Call, params: Params) -> Result:
    """App Runner CreateAutoScalingConfiguration: of a name that is there the next revision."""
    name, uid, scaling = params["AutoScalingConfigurationName"], call.ids.hex(32), _scaling(call, params)
    with call.store.transact() as tx:
        rows, most = find.scalings(tx, call.scope), limits.SCALING_REVISIONS_MAX
        noun = "auto scaling configuration"
        number = revisions.following(call, rows, name, limits.QUOTA_SCALINGS, most, noun)
        row = tx[SCALINGS].put(
            AutoScalingConfiguration(
                *call.scope,
                name=name,
                revision=number,
                id=uid,
                created_at=call.now,
                scaling=scaling,
                tags=tagging.read(params.get("Tags", ())),
            )
        )
        return {"AutoScalingConfiguration": describe.scaling(tx, row)}


def describe_auto_scaling_configuration(call: Call, params: Params) -> Result:
    """App Runner DescribeAutoScalingConfiguration."""
    row = find.scaling(call.store, call.scope, params["AutoScalingConfigurationArn"])
    return {"AutoScalingConfiguration": describe.scaling(call.store, row)}


def list_auto_scaling_configurations(call: Call, params: Params) -> Result:
    """App Runner ListAutoScalingConfigurations: active ones; of each name the newest, or all revisions."""
    name = params.get("AutoScalingConfigurationName")
    rows = revisions.listed(params, find.scalings(call.store, call.scope), name)
    shown, token = find.page(call, params, "ListAutoScalingConfigurations", rows)
    summaries = [describe.scaling_summary(call.store, row) for row in shown]
    return {"AutoScalingConfigurationSummaryList": summaries, **token}


def list_services_for_auto_scaling_configuration(call: Call, params: Params) -> Result:
    """App Runner ListServicesForAutoScalingConfiguration."""
    row = find.scaling(call.store, call.scope, params["AutoScalingConfigurationArn"])
    operation = "ListServicesForAutoScalingConfiguration"
    services, token = find.table_page(call, params, operation, SERVICES, ("scaling", row.arn))
    return {"ServiceArnList": [service.arn for service in services], **token}


def update_default_auto_scaling_configuration(call: Call, params: Params) -> Result:
    """App Runner UpdateDefaultAutoScalingConfiguration: for new services; those there keep what they have."""
    with call.store.transact() as tx:
        row = find.scaling(tx, call.scope, params["AutoScalingConfigurationArn"])
        if row.status != "ACTIVE":
            raise invalid(f"The auto scaling configuration {row.arn} is inactive.")
        tx[DEFAULT_SCALINGS].put(DefaultScaling(*call.scope, name=row.name, revision=row.revision))
        return {"AutoScalingConfiguration": describe.scaling(tx, row)}


def delete_auto_scaling_configuration(call: Call, params: Params) -> Result:
    """App Runner DeleteAutoScalingConfiguration: one revision, or all of a name; they stay as INACTIVE."""
    reference = params["AutoScalingConfigurationArn"]
    with call.store.transact() as tx:
        row = find.scaling(tx, call.scope, reference)
        rows = [row]
        if params.get("DeleteAllRevisions"):
            if reference.count("/") != 1:
                raise invalid("With DeleteAllRevisions the ARN must end with the name.")
            all_of_it = find.scaling_revisions(tx, call.scope, row.name)
            rows = [one for one in all_of_it if one.status == "ACTIVE"]
        for one in rows:
            _check_deletable(tx, one)
        for one in rows:
            tx[SCALINGS].put(replace(one, status="INACTIVE", deleted_at=call.now))
        row = tx[SCALINGS].require(row.key)
        return {"AutoScalingConfiguration": describe.scaling(tx, row)}


def _check_deletable(tx: Transaction, row: AutoScalingConfiguration) -> None:
    if row.status != "ACTIVE":
        raise invalid(f"The auto scaling configuration {row.arn} is inactive.")
    default = find.default_scaling(tx, row.scope)
    if (default.name, default.revision) == (row.name, row.revision):
        raise invalid("You can't delete the default auto scaling configuration.")
    if row.arn in references.held(tx, row.scope):
        raise invalid(SCALING_IN_USE)


def _scaling(call: Call, params: Params) -> Scaling:
    scaling = Scaling(
        max_concurrency=params.get("MaxConcurrency", Scaling().max_concurrency),
        min_size=params.get("MinSize", Scaling().min_size),
        max_size=params.get("MaxSize", max(Scaling().max_size, params.get("MinSize", 1))),
    )
    if scaling.min_size > scaling.max_size:
        raise invalid("MinSize must not be greater than MaxSize.")
    most = call.part(Quotas).value(limits.QUOTA_INSTANCES, call.scope)
    if most is not None and scaling.max_size > most:
        raise invalid(f"MaxSize must not be greater than {most:.0f}.")
    return scaling
