"""RegisterJobDefinition, DeregisterJobDefinition, DescribeJobDefinitions."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.rows import replace
from windlass.services.batch import definition as definitions
from windlass.services.batch import describe_resources, find, limits, tagging
from windlass.services.batch.faults import invalid
from windlass.services.batch.resource_model import DEFINITIONS, NAMES, DefinitionName, JobDefinition

FILTERS = ("jobDefinitionName", "status", "maxResults", "nextToken")
"""What cannot be used together with jobDefinitions."""


def register_job_definition(call: Call, params: Params) -> Result:
    """Batch RegisterJobDefinition: always a new revision, be its content new or not."""
    name = find.check_name(params["jobDefinitionName"], "jobDefinitionName")
    timeout_s_min = call.part(Quotas).value(limits.QUOTA_TIMEOUT, call.scope)
    given = definitions.registered(params, timeout_s_min or 0)
    tags = tagging.read(params.get("tags", {}))
    with call.store.transact() as tx:
        held = tx[NAMES].get((*call.scope, name)) or DefinitionName(*call.scope, name)
        held = tx[NAMES].put(replace(held, last_revision=held.last_revision + 1))
        row = tx[DEFINITIONS].put(
            JobDefinition(
                *call.scope,
                name=name,
                revision=held.last_revision,
                registered_at=call.now,
                type=params["type"],
                given=given,
                tags=tags,
            )
        )
    return {"jobDefinitionName": row.name, "jobDefinitionArn": row.arn, "revision": row.revision}


def deregister_job_definition(call: Call, params: Params) -> Result:
    """Batch DeregisterJobDefinition: no new job may use that revision. Those that do go on."""
    reference = params["jobDefinition"]
    if find.definition_name(reference, call.scope)[1] is None:
        raise invalid(f"A revision of the job definition must be provided: {reference}")
    with call.store.transact() as tx:
        row = find.definition(tx, call.scope, reference)
        if row.status == "ACTIVE":
            tx[DEFINITIONS].put(replace(row, status="INACTIVE", deregistered_at=call.now))
    return {}


def describe_job_definitions(call: Call, params: Params) -> Result:
    """Batch DescribeJobDefinitions: those named, or all by name, the newest revision first."""
    if "jobDefinitions" in params:
        return {"jobDefinitions": list(map(describe_resources.definition, _named(call, params)))}
    rows, token = _listed(call, params)
    return {"jobDefinitions": list(map(describe_resources.definition, rows)), **token}


def _named(call: Call, params: Params) -> list[JobDefinition]:
    """Of a name without a revision all revisions."""
    asked = params["jobDefinitions"]
    if any(member in params for member in FILTERS):
        raise invalid("jobDefinitions can't be used with other parameters.")
    if len(asked) > limits.DESCRIBED_DEFINITIONS_MAX:
        raise invalid(f"jobDefinitions can have at most {limits.DESCRIBED_DEFINITIONS_MAX} items.")
    found: dict[str, JobDefinition] = {}
    for reference in asked:
        name, revision = find.definition_name(reference, call.scope)
        if revision is None:
            rows = call.store[DEFINITIONS].by("name", (*call.scope, name))
        else:
            rows = find.known(call, (reference,), find.definition)
        found.update((row.arn, row) for row in rows)
    return list(found.values())


def _listed(call: Call, params: Params) -> tuple[list[JobDefinition], Result]:
    name, status = params.get("jobDefinitionName"), params.get("status")
    index: tuple[str, object] = ("scope", call.scope)
    if name is not None:
        index = ("name", (*call.scope, name))
    elif status is not None:
        index = ("status", (*call.scope, status))
    return find.page(
        call,
        params,
        DEFINITIONS,
        "DescribeJobDefinitions",
        index,
        where=lambda row: status is None or row.status == status,
    )
