"""ECS task definitions: register, describe, list, deregister, delete."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import describe, limits, lookup, references, tagging, task_definition
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import DEFINITIONS, FAMILIES, Family, TaskDefinition


def register_task_definition(call: Call, params: Params) -> Result:
    """ECS RegisterTaskDefinition: the family's next revision; numbers are never used twice."""
    registered = task_definition.register(params)
    tags = tagging.read(params.get("tags", ()))
    with call.store.transact() as tx:
        family = tx[FAMILIES].get((*call.scope, params["family"])) or Family(*call.scope, params["family"])
        row = TaskDefinition(
            *call.scope,
            family=family.name,
            revision=family.last_revision + 1,
            definition=registered.definition,
            compatibilities=registered.compatibilities,
            registered_at=call.now,
            registered_by=call.caller.arn,
            tags=tags,
        )
        tx[DEFINITIONS].put(row)
        tx[FAMILIES].put(replace(family, last_revision=row.revision, active=family.active + 1))
    return {"taskDefinition": describe.task_definition(row), "tags": describe.tags(row.tags)}


def describe_task_definition(call: Call, params: Params) -> Result:
    """ECS DescribeTaskDefinition, by family (the latest ACTIVE one), family:revision or ARN."""
    row = lookup.definition(call.store, call.scope, params["taskDefinition"])
    if row is None:
        raise Fault("ClientException", "Unable to describe task definition.")
    result: Result = {"taskDefinition": describe.task_definition(row)}
    if "TAGS" in params.get("include", ()):
        result["tags"] = describe.tags(row.tags)
    return result


def deregister_task_definition(call: Call, params: Params) -> Result:
    """ECS DeregisterTaskDefinition: ACTIVE → INACTIVE; starts nothing new from then on."""
    with call.store.transact() as tx:
        row = _revision(tx, call, params["taskDefinition"])
        if row is None:
            raise Fault("ClientException", "Unable to describe task definition.")
        if row.status != "ACTIVE":
            raise Fault(
                "ClientException",
                f"The specified task definition is {row.status}; only an ACTIVE one can be deregistered.",
            )
        row = tx[DEFINITIONS].put(replace(row, status="INACTIVE", deregistered_at=call.now))
        family = tx[FAMILIES].require((*call.scope, row.family))
        tx[FAMILIES].put(replace(family, active=family.active - 1, inactive=family.inactive + 1))
    return {"taskDefinition": describe.task_definition(row)}


def delete_task_definitions(call: Call, params: Params) -> Result:
    """ECS DeleteTaskDefinitions: INACTIVE → DELETE_IN_PROGRESS; the controller ends them once unused."""
    names = params["taskDefinitions"]
    if not 1 <= len(names) <= limits.DELETE_DEFINITIONS_MAX:
        raise Fault(
            "InvalidParameterException",
            f"taskDefinitions must have between 1 and {limits.DELETE_DEFINITIONS_MAX} items.",
        )
    deleted, failures = [], []
    with call.store.transact() as tx:
        for name in names:
            row = _revision(tx, call, name)
            if row is None:
                failures.append(describe.failure(_arn(call, name), "TASK_DEFINITION_NOT_FOUND", _NOT_FOUND))
            elif row.status == "ACTIVE":
                failures.append(describe.failure(row.arn, "TASK_DEFINITION_ACTIVE", _STILL_ACTIVE))
            else:
                deleted.append(describe.task_definition(_delete(tx, call, row)))
    return {"taskDefinitions": deleted, "failures": failures}


def list_task_definitions(call: Call, params: Params) -> Result:
    """ECS ListTaskDefinitions. `familyPrefix` is the whole family name, in spite of its own."""
    status, family = params.get("status", "ACTIVE"), params.get("familyPrefix")
    descending = params.get("sort", "ASC") == "DESC"
    rows, token = paging.page(
        call.store[DEFINITIONS],
        "status" if family is None else "family",
        (*call.scope, status) if family is None else (*call.scope, status, family),
        operation="ListTaskDefinitions",
        filters=(*call.scope, status, family, descending),
        token=params.get("nextToken"),
        limit=listing.limit(params),
        fault=listing.bad_token,
        reverse=descending,
    )
    return listing.answer("taskDefinitionArns", [row.arn for row in rows], token)


def list_task_definition_families(call: Call, params: Params) -> Result:
    """ECS ListTaskDefinitionFamilies: ACTIVE families have an ACTIVE revision; here the prefix is one."""
    status, prefix = params.get("status", "ALL"), params.get("familyPrefix", "")
    filters = (*call.scope, status, prefix)
    size, token = listing.limit(params), params.get("nextToken")
    operation = "ListTaskDefinitionFamilies"
    after = paging.open_token(token, operation, filters, listing.bad_token) if token else (prefix,)
    rows = call.store[FAMILIES].page(status, call.scope, after=after, limit=size + 1)
    matching = [row for row in rows if row.name.startswith(prefix)]
    shown = matching[:size]
    following = None
    if len(matching) > size:
        following = paging.seal(operation, filters, call.store[FAMILIES].place(status, shown[-1]))
    return listing.answer("families", [row.name for row in shown], following)


_NOT_FOUND = "The task definition does not exist."
_STILL_ACTIVE = "The task definition is ACTIVE; deregister it first."


def _revision(tx: Transaction, call: Call, name: str) -> TaskDefinition | None:
    """The definition of a name that must have a revision."""
    named = references.family_and_revision(name, call.scope)
    if named is not None and named[1] is None:
        raise Fault("InvalidParameterException", f"Revision is missing in {name}.")
    return lookup.definition(tx, call.scope, name)


def _delete(tx: Transaction, call: Call, row: TaskDefinition) -> TaskDefinition:
    if row.status == "DELETE_IN_PROGRESS":
        return row
    family = tx[FAMILIES].require((*call.scope, row.family))
    tx[FAMILIES].put(replace(family, inactive=family.inactive - 1))
    return tx[DEFINITIONS].put(replace(row, status="DELETE_IN_PROGRESS", delete_requested_at=call.now))


def _arn(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    family, _, revision = name.partition(":")
    return references.definition_arn(*call.scope, family, int(revision) if revision.isdecimal() else 0)
