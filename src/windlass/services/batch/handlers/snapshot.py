"""GetJobQueueSnapshot: what will start next of a queue, and what it uses. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.aws.calls import Call, Params, Result
from windlass.services.batch import arrays, describe, find, limits, order
from windlass.services.batch.line import Lines
from windlass.services.batch.model import ARRAYS, JOBS
from windlass.services.batch.order import Queue
from windlass.services.batch.reasons import CPU_UNITS
from windlass.services.batch.resource_model import JobQueue
from windlass.services.batch.usage import Usage


def get_job_queue_snapshot(call: Call, params: Params) -> Result:
    """Batch GetJobQueueSnapshot: in the order of starting, children of arrays as jobs of their own.

    How long a job has been where it is now is not kept: it is shown as when it became RUNNABLE.
    """
    row = find.queue(call.store, call.scope, params["jobQueue"])
    now = describe.ms(call.now)
    return {
        "frontOfQueue": {"jobs": list(_front(call, row)), "lastUpdatedAt": now},
        "queueUtilization": _utilization(call, row) | {"lastUpdatedAt": now},
    }


def _front(call: Call, row: JobQueue) -> Iterator[Result]:
    queue = Queue(row.key, row.priority, row.environments, call.part(Usage).shares(row, call.now))
    lines = Lines(call.store[JOBS], call.store[ARRAYS])
    children: dict[str, Iterator[int]] = {}
    for job_id, count in order.in_order(queue, lines, call.now, limits.FRONT_MAX):
        job = call.store[JOBS].require(job_id)
        if job.size and job_id not in children:
            _, indices = arrays.took(call.store[ARRAYS].require(job_id), limits.FRONT_MAX)
            children[job_id] = iter(indices)
        for _ in range(count):
            arn = f"{job.arn}:{next(children[job_id])}" if job.size else job.arn
            yield {"jobArn": arn, "earliestTimeAtPosition": describe.ms(job.ready_at)}


def _utilization(call: Call, row: JobQueue) -> Result:
    in_use = call.part(Usage).ledger.in_use(row.key)
    shown: Result = {"totalCapacityUsage": _vcpus(sum(in_use.values()))}
    if row.policy:
        top = sorted(in_use.items(), key=lambda item: (-item[1], item[0]))[: limits.TOP_SHARES_MAX]
        shown["fairshareUtilization"] = {
            "activeShareCount": len(in_use),
            "topCapacityUtilization": [
                {"shareIdentifier": share, "capacityUsage": _vcpus(units)} for share, units in top
            ],
        }
    return shown


def _vcpus(cpu_units: int) -> list[Result]:
    return [{"capacityUnit": "VCPU", "quantity": cpu_units / CPU_UNITS}]
