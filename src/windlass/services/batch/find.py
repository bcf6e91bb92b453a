"""The rows that a caller names, by name or ARN; ClientException when they are not there. Pages of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from windlass.aws import arn as arns
from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Table
from windlass.services.batch import limits
from windlass.services.batch.faults import invalid, missing, refuse
from windlass.services.batch.resource_model import (
    DEFINITIONS,
    ENVIRONMENTS,
    POLICIES,
    QUEUES,
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
    Reads,
    SchedulingPolicy,
    Scope,
)

R = TypeVar("R")
Find: TypeAlias = Callable[[Reads, Scope, str], R]
"""One of `environment`, `queue`, `policy` and `definition`."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_REVISION = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


def check_name(name: str, what: str) -> str:
    """A new resource's name. Raises ClientException. `what` is its member: "jobQueueName"."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{what} should match valid pattern: up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens and "
            "underscores"
        )
    return name


def environment(reads: Reads, scope: Scope, reference: str) -> ComputeEnvironment:
    """The compute environment of that name or ARN."""
    return _found(
        reads[ENVIRONMENTS].get((*scope, _name(reference, "compute-environment", scope))), reference
    )


def queue(reads: Reads, scope: Scope, reference: str) -> JobQueue:
    """The job queue of that name or ARN."""
    return _found(reads[QUEUES].get((*scope, _name(reference, "job-queue", scope))), reference)


def policy(reads: Reads, scope: Scope, reference: str) -> SchedulingPolicy:
    """The scheduling policy of that ARN, or name."""
    return _found(reads[POLICIES].get((*scope, _name(reference, "scheduling-policy", scope))), reference)


def definition(reads: Reads, scope: Scope, reference: str) -> JobDefinition:
    """One revision, ACTIVE or not: of a name or ARN without a revision the latest that is ACTIVE."""
    name, revision = definition_name(reference, scope)
    if revision is None:
        found = reads[DEFINITIONS].last("active", (*scope, name))
    else:
        found = reads[DEFINITIONS].get((*scope, name, revision))
    return _found(found, reference)


def active_definition(reads: Reads, scope: Scope, reference: str) -> JobDefinition:
    """One revision that new jobs may use."""
    name, revision = definition_name(reference, scope)
    found = reads[DEFINITIONS].last("active", (*scope, name))
    if revision is not None:
        found = reads[DEFINITIONS].get((*scope, name, revision))
    if found is None or found.status != "ACTIVE":
        raise refuse(f"JobDefinition {reference} does not exist or is not in ACTIVE status")
    return found


def definition_name(reference: str, scope: Scope) -> tuple[str, int | None]:
    """Name and revision in `name`, `name:3`, or an ARN with or without a revision; None: none is told.

    >>> definition_name("render:3", ("123456789012", "eu-west-1"))
    ('render', 3)
    """
    name, _, revision = _name(reference, "job-definition", scope).partition(":")
    if not _NAME.fullmatch(name) or (revision and not _REVISION.fullmatch(revision)):
        raise refuse(f"Provided name {reference} is not supported pattern[a-zA-Z_0-9-]{{1,128}}")
    return name, int(revision) if revision else None


def page(
    call: Call,
    params: Params,
    table: Table[R],
    operation: str,
    index: tuple[str, Any],
    where: Callable[[R], bool] = lambda row: True,
) -> tuple[list[R], Result]:
    """A page of a table, and its nextToken, if there is one."""
    rows, token = paging.page(
        call.store[table],
        *index,
        operation=operation,
        filters=[*call.scope, _but_paging(params)],
        token=params.get("nextToken"),
        limit=page_rows(params),
        fault=bad_token,
        where=where,
    )
    return rows, _token(token)


def known(call: Call, references: Iterable[str], find: Find[R]) -> list[R]:
    """The rows of those that are there, each once, in the order asked for."""
    found = []
    for reference in dict.fromkeys(references):
        try:
            found.append(find(call.store, call.scope, reference))
        except Fault:
            continue  # Describe leaves out what it does not know
    return found


def named_or_all(
    call: Call, params: Params, table: Table[R], member: str, find: Find[R]
) -> tuple[list[R], Result]:
    """The rows that `member` of the request names; without any a page of all by name."""
    if params.get(member):
        rows = known(call, params[member], find)
        rows, token = paging.cut(
            rows,
            operation=member,
            filters=[*call.scope, _but_paging(params)],
            token=params.get("nextToken"),
            limit=page_rows(params),
            fault=bad_token,
        )
        return rows, _token(token)
    return page(call, params, table, member, ("scope", call.scope))


def page_rows(params: Params) -> int:
    """How many rows a page has. Raises ClientException."""
    asked = params.get("maxResults", limits.PAGE_ROWS_MAX)
    if not 1 <= asked <= limits.PAGE_ROWS_MAX:
        raise invalid(f"maxResults must be between 1 and {limits.PAGE_ROWS_MAX}")
    return int(asked)


def bad_token() -> Fault:
    return invalid("nextToken is not valid")


def _token(token: str | None) -> Result:
    return {} if token is None else {"nextToken": token}


def _but_paging(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in params if name not in ("nextToken", "maxResults")}


def _name(reference: str, kind: str, scope: Scope) -> str:
    """What stands for the name in an ARN of that kind and scope, or the name itself."""
    read = arns.parse(reference)
    if read is None:
        return reference
    if (read.service, read.account, read.region) != ("batch", *scope):
        raise missing(reference)
    found, _, name = read.resource.partition("/")
    if found != kind:
        raise missing(reference)
    return name


def _found(row: R | None, reference: str) -> R:
    if row is None:
        raise missing(reference)
    return row
