"""Pages of ListJobs: a queue's jobs, newest first, and the children of an array by index."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import MILLISECOND
from windlass.kernel.faults import Fault
from windlass.services.batch import arrays, describe, find, limits, lookup
from windlass.services.batch.faults import refuse
from windlass.services.batch.model import ARRAYS, CHILDREN, JOBS, Array, Job, JobStatus

Where = Callable[[Job], bool]


def of_queue(call: Call, params: Params) -> Result:
    """Jobs of a queue: of one status, or all that a filter lets through (facts/batch.md, 6)."""
    queue = find.queue(call.store, call.scope, params["jobQueue"])
    where = _filter(params)
    status = params.get("jobStatus", "RUNNING")
    index, value = ("status", (*queue.key, status)) if where is None else ("queue", queue.key)
    rows, token = paging.page(
        call.store[JOBS],
        index,
        value,
        operation="ListJobs",
        filters=(*value, params.get("filters")),
        token=params.get("nextToken"),
        limit=_limit(params, filtered=where is not None),
        fault=_bad_token,
        where=where or (lambda job: True),
        reverse=True,
    )
    return _answer([describe.job_summary(call.store, job) for job in rows], token)


def children(call: Call, params: Params) -> Result:
    """Children of an array, of one status."""
    found = lookup.job(call.store, call.scope, params["arrayJobId"])
    if found is None or found[1] is not None or not found[0].size:
        return _answer([], None)
    parent, _ = found
    status: JobStatus = params.get("jobStatus", "RUNNING")
    limit = _limit(params, filtered=False)
    begin = 0
    if params.get("nextToken"):
        begin = paging.open_token(params["nextToken"], "ListJobs", (parent.id, status), _bad_token)
    array = call.store[ARRAYS].require(parent.id)
    indices = _indices(call, parent, array, status, begin, limit + 1)
    token = paging.seal("ListJobs", (parent.id, status), indices[limit]) if len(indices) > limit else None
    return _answer([describe.child_summary(call.store, parent, index) for index in indices[:limit]], token)


def _indices(call: Call, parent: Job, array: Array, status: JobStatus, begin: int, most: int) -> list[int]:
    """The children with that status, from that index on."""
    if status in ("STARTING", "RUNNING"):
        rows = call.store[CHILDREN].page("status", (parent.id, status), (begin, ()), limit=most)
        return [row.index for row in rows]
    later = arrays.members(array, status) >> begin << begin
    return list(arrays.indices(later, most))


def _filter(params: Params) -> Where | None:
    """What the call's one filter lets through; None without one."""
    given = params.get("filters") or ()
    if not given:
        return None
    if len(given) > 1:
        raise refuse("Only one filter can be used at a time")
    [one] = given
    name, values = one.get("name", ""), list(one.get("values") or ())
    make = _FILTERS.get(name)
    if make is None or not values:
        raise refuse(f"Filter {name} is not valid: one of {', '.join(_FILTERS)} with a value")
    return make(values)


def _by_name(values: list[str]) -> Where:
    return lambda job: any(_matches(job.name, value) for value in values)


def _by_definition(values: list[str]) -> Where:
    """By name, which takes in all revisions, or by ARN (Batch API reference, ListJobs)."""

    def fits(job: Job) -> bool:
        name = job.definition.rpartition("/")[2].rpartition(":")[0]
        return any(value == job.definition or _matches(name, value) for value in values)

    return fits


def _created(values: list[str], keep: Callable[[int, int], bool]) -> Where:
    if not all(value.isdecimal() for value in values):
        raise refuse("The value of a creation time filter is a number of milliseconds")
    bound = int(values[0])
    return lambda job: keep(job.created_at // MILLISECOND, bound)


def _matches(name: str, pattern: str) -> bool:
    """Whatever the case; a `*` at the end stands for any rest."""
    name, pattern = name.lower(), pattern.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


_FILTERS: Mapping[str, Callable[[list[str]], Where]] = {
    "JOB_NAME": _by_name,
    "JOB_DEFINITION": _by_definition,
    "BEFORE_CREATED_AT": lambda values: _created(values, lambda at, bound: at < bound),
    "AFTER_CREATED_AT": lambda values: _created(values, lambda at, bound: at > bound),
}


def _limit(params: Params, *, filtered: bool) -> int:
    most = limits.LISTED_FILTERED_MAX if filtered else limits.LISTED_MAX
    asked = int(params.get("maxResults", most))
    if asked < 1:
        raise refuse("maxResults must be at least 1")
    return min(asked, most)


def _bad_token() -> Fault:
    return refuse("nextToken is not valid")


def _answer(shown: list[Result], token: str | None) -> Result:
    return {"jobSummaryList": shown} if token is None else {"jobSummaryList": shown, "nextToken": token}
