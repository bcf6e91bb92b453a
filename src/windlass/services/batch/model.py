"""Jobs as rows: single jobs, array parents, and the children of arrays that have begun to run.

A child of an array is a bit in its parent's `Array` row until it runs for the first time; from then on it is
a `Child` row as well. So an array of 10,000 costs two rows when it is submitted, and the children that wait
cost nothing. What runs is a fleet Unit with owner "batch"; `Run.unit_id` names it.

Who writes what: SubmitJob inserts Job, Array and Wait rows. admission.py moves SUBMITTED jobs on.
scheduler.py alone puts jobs and children into an environment (STARTING, with their Unit). observer.py alone
takes in what becomes of units, and what follows from it: retries, ends, dependents, counters. CancelJob and
TerminateJob write `stop`, and end what does not run yet through ending.py, as observer.py does.
timeouts.py marks what ran too long. retention.py deletes.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table

JobStatus: TypeAlias = Literal[
    "SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"
]
ENDED: frozenset[JobStatus] = frozenset({"SUCCEEDED", "FAILED"})
ACTIVE: frozenset[JobStatus] = frozenset({"STARTING", "RUNNING"})
"""It has a unit, and takes up vCPUs of its environment."""
UNFINISHED: tuple[JobStatus, ...] = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
DependencyType: TypeAlias = Literal["", "SEQUENTIAL", "N_TO_N"]
OWNER = "batch"
"""The owner of Batch's units."""


class Attached(Row, frozen=True):
    """An attempt's own network interface (Batch API, NetworkInterface)."""

    attachment_id: str
    address: str


class ContainerEnd(Row, frozen=True):
    """How one container of several ended (Batch API, AttemptTaskContainerDetails)."""

    name: str
    exit_code: int | None = None
    reason: str = ""


class Attempt(Row, frozen=True):
    """One attempt that has ended (Batch API, AttemptDetail)."""

    task_arn: str
    log_stream: str
    started_at: Instant
    """0 when its container never ran."""
    stopped_at: Instant
    exit_code: int | None = None
    reason: str = ""
    """container.reason: "OutOfMemoryError: …", "CannotPullContainerError: …"."""
    status_reason: str = ""
    """"Essential container in task exited"."""
    instance_arn: str = ""
    containers: tuple[ContainerEnd, ...] = ()
    """All of them, of a job with ecsProperties."""
    interface: Attached | None = None


class Run(Row, frozen=True):
    """What changes of a job, or of an array's child, as it runs."""

    unit_id: str = ""
    """Of the attempt that is on; "" while none is."""
    environment: str = ""
    """Name of the compute environment that the attempt that is on, or the last one, was placed in."""
    task_arn: str = ""
    log_stream: str = ""
    """Of the attempt that is on, or of the last one; "" until it has one."""
    started_at: Instant = 0
    """Of the attempt that is on, or the last one."""
    stopped_at: Instant = 0
    attempts: tuple[Attempt, ...] = ()
    """Those that ended, oldest first."""
    instance_arn: str = ""
    access_keys: tuple[str, ...] = ()
    """Of the job role, given to the attempt that is on (role_credentials.py)."""
    interrupted: str = ""
    """Why the capacity of the attempt that is on was taken back (interruptions.py)."""
    interface: Attached | None = None
    """Of the attempt that is on, or the last one."""


class Stop(Row, frozen=True):
    """Somebody wants its end. `reason` is what DescribeJobs will show."""

    kind: Literal["cancel", "terminate", "timeout", "time-limit"]
    reason: str

    @property
    def ends_what_runs(self) -> bool:
        """Of an array that was cancelled children that run go on, and end for reasons of their own."""
        return self.kind in ("terminate", "timeout")


class Retry(Row, frozen=True):
    """A retry strategy. `rules` are evaluateOnExit as given."""

    attempts: int = 1
    rules: tuple[Mapping[str, str], ...] = ()


class Dependency(Row, frozen=True):
    """One entry of dependsOn. `job_id` may name an array's child; "" for SEQUENTIAL."""

    job_id: str
    type: DependencyType = ""


class Job(Row, frozen=True):
    """A job, or the parent of an array (`size` > 0; its status is never RUNNABLE, STARTING or RUNNING)."""

    id: str
    account: str
    region: str
    name: str
    queue: str
    """Name of its queue."""
    definition: str
    """ARN with revision."""
    created_at: Instant
    status: JobStatus = "SUBMITTED"
    reason: str = ""
    """statusReason."""
    cpu_units: int = 0
    """Of one attempt; 1,024 a vCPU."""
    memory_mib: int = 0
    gpus: int = 0
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The definition's, with the call's on top."""
    overrides: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """containerOverrides, ecsPropertiesOverride and nodeOverrides of the call, by their names."""
    retry: Retry = Retry()
    timeout_s: int = 0
    """attemptDurationSeconds; 0: none."""
    depends_on: tuple[Dependency, ...] = ()
    share: str = ""
    """Share identifier, "" in queues without a policy."""
    scheduling_priority: int = 0
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    propagate_tags: bool = False
    size: int = 0
    """Children of an array; 0 for a single job."""
    lined: Literal["", "front", "back"] = ""
    """Whether something of it waits for a place to run: a single RUNNABLE job, or an array with RUNNABLE
    children. "front": a retry, which goes before all others of its queue (facts/batch.md, 3)."""
    ready_at: Instant = 0
    """When it came into line; its place there."""
    run: Run = Run()
    """Of a single job."""
    stop: Stop | None = None
    deadline: Instant = 0
    """When the attempt that runs is over its timeout; 0: it has none, or none runs."""
    stopped_at: Instant = 0
    """When it ended; 0 before."""
    started_at: Instant = 0
    """Of an array parent: when its first child started."""
    blocked_at: Instant = 0
    """Since when it blocks the head of its queue for the reason in `reason`; 0: it does not."""

    @property
    def arn(self) -> str:
        return arn("batch", self.region, self.account, f"job/{self.id}")

    @property
    def queue_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.queue)

    @property
    def is_terminated(self) -> bool:
        """What of it runs is to end as well; other stops leave an array's children that run alone."""
        return self.stop is not None and self.stop.kind == "terminate"


class Array(Row, frozen=True):
    """How far the children of an array are: sets of indices as little-endian bitmaps (arrays.py).

    Each child is in at most one of them; one that is in none is PENDING.
    """

    id: str
    """The parent's."""
    size: int
    runnable: bytes = b""
    retrying: bytes = b""
    """RUNNABLE again after an attempt: they go first."""
    active: bytes = b""
    """STARTING or RUNNING."""
    succeeded: bytes = b""
    failed: bytes = b""


class Child(Row, frozen=True):
    """A child of an array, from its first start on, or from the call that ended it alone.

    One without a row that is in `Array.failed` failed since its parent was stopped, or with a dependency.
    """

    job: str
    """The parent's id."""
    index: int
    created_at: Instant
    status: JobStatus = "STARTING"
    reason: str = ""
    run: Run = Run()
    stop: Stop | None = None
    deadline: Instant = 0

    @property
    def id(self) -> str:
        return f"{self.job}:{self.index}"


class Wait(Row, frozen=True):
    """A job that waits for another (`on`: a job's id, or a child's), until that one has ended."""

    job: str
    on: str
    type: DependencyType = ""


def _line(job: Job) -> tuple[str, str, str, str] | None:
    """Jobs that wait for a place, by queue and share."""
    return (job.account, job.region, job.queue, job.share) if job.lined else None


def _stopping(job: Job) -> str | None:
    """Arrays whose children that run are to be stopped (stopper.py)."""
    return "yes" if job.size and job.is_terminated and job.status not in ENDED else None


def _sequential(job: Job) -> str | None:
    """Arrays whose children wait for each other: no row of Wait says so."""
    if not job.size or job.status != "PENDING":
        return None
    return "yes" if any(dependency.type == "SEQUENTIAL" for dependency in job.depends_on) else None


def _place(job: Job) -> tuple[bool, int, Instant]:
    """Retries first, then by priority within a share, then as they became ready."""
    return (job.lined == "back", -job.scheduling_priority if job.share else 0, job.ready_at)


def _unended(child: Child) -> tuple[str, JobStatus] | None:
    """Those that ended are many; their array's sets have them."""
    return None if child.status in ENDED else (child.job, child.status)


JOBS: Table[Job] = Table(
    name="batch.job",
    row=Job,
    key=lambda row: row.id,
    indexes={
        "queue": Index(of=lambda row: (row.account, row.region, row.queue), order=lambda row: row.created_at),
        "status": Index(
            of=lambda row: (row.account, row.region, row.queue, row.status),
            order=lambda row: row.created_at,
        ),
        "array": Index(of=lambda row: (*row.queue_key, row.status) if row.size else None),
        "line": Index(of=_line, order=_place),
        "submitted": Index(
            of=lambda row: "yes" if row.status == "SUBMITTED" else None, order=lambda row: row.created_at
        ),
        "unit": Index(of=lambda row: row.run.unit_id or None),
        "deadline": Index(of=lambda row: "yes" if row.deadline else None, order=lambda row: row.deadline),
        "stopping": Index(of=_stopping),
        "sequential": Index(of=_sequential),
        "ended": Index(of=lambda row: "yes" if row.stopped_at else None, order=lambda row: row.stopped_at),
    },
)
ARRAYS: Table[Array] = Table(name="batch.array", row=Array, key=lambda row: row.id)
CHILDREN: Table[Child] = Table(
    name="batch.child",
    row=Child,
    key=attrgetter("job", "index"),
    indexes={
        "status": Index(of=_unended, order=attrgetter("index")),
        "unit": Index(of=lambda row: row.run.unit_id or None),
        "deadline": Index(of=lambda row: "yes" if row.deadline else None, order=lambda row: row.deadline),
    },
)
WAITS: Table[Wait] = Table(
    name="batch.wait",
    row=Wait,
    key=lambda row: (row.job, row.on, row.type),
    indexes={"on": Index(of=lambda row: row.on.partition(":")[0]), "job": Index(of=lambda row: row.job)},
)
JOB_TABLES = (JOBS, ARRAYS, CHILDREN, WAITS)
