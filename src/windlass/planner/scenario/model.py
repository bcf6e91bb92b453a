"""A scenario, as a file says it: what there is, what is asked of it, what happens to it, what to look at.

Every member is documented here; `windlass plan --schema` prints this as JSON Schema. Resources are AWS's own:
the operation that makes one, with its parameters. Quantities have units (quantity.py).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from windlass.kernel.clock import HOUR
from windlass.planner.scenario.parts import Bytes, Part, Percent, PerSecond, Span, one_of
from windlass.planner.scenario.reporting import Reporting
from windlass.planner.scenario.workload import Consumes, Function, Workload


class Image(Part, frozen=True):
    """A container image, by the name that definitions use."""

    size: Bytes = msgspec.field(default_factory=Bytes)
    """Compressed; without it the profile's usual size."""
    fails: str = ""
    """Why containers of it never start (CannotPullContainerError: …)."""
    runs: Span | None = None
    """How long a container of it runs; without it until it is stopped."""
    exit_code: int = 0
    """What it ends with."""
    at_once: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Requests that a container of it works on at a time: others wait in it. 0: on all that come."""
    consumes: Consumes | None = None
    """Its containers take messages from a queue."""


class Delay(Part, frozen=True):
    """A lognormal delay."""

    median: Span
    """Half of the times are shorter."""
    sigma: float = 0.0
    """Standard deviation of its logarithm."""


class Rate(Part, frozen=True):
    """A token bucket."""

    refill: PerSecond
    """What flows into it."""
    burst: int
    """Tokens in it when it is full."""


class Instances(Part, frozen=True):
    """EC2 container instances that are registered and run before the scenario begins."""

    count: Annotated[int, Meta(ge=1, le=20_000)]
    """How many there are."""
    cluster: str = "default"
    """That they register in."""
    cpu: Annotated[int, Meta(ge=128)] = 4_096
    """CPU units of each."""
    memory: Annotated[int, Meta(ge=128)] = 16_384
    """MiB of each."""
    zone: str = ""
    """Availability zone of all of them, us-east-1b for example; without it the first."""
    type: str = ""
    """Instance type, for its price: m5.large. It says nothing of the size here."""
    spot: bool = False
    """Spot Instances: interrupt_spot takes some; ECS drains them (ECS_ENABLE_SPOT_INSTANCE_DRAINING)."""


WAITED_FOR = ("service", "queue", "job_queue", "launched", "workload")


class Until(Part, frozen=True):
    """What the scenario waits for: one of service, queue, job_queue, launched and workload."""

    service: str | None = None
    """Name of an ECS service: it is up when enough of its tasks run."""
    cluster: str = "default"
    """Of the service, or of what is launched."""
    running: int | None = None
    """So many tasks of the service are RUNNING."""
    stable: bool = True
    """Its deployment is over and as many run as are wanted: with `running` it is enough that these run."""
    queue: str | None = None
    """Name of an SQS queue that is empty, with nothing in flight."""
    job_queue: str | None = None
    """Name of a queue of Batch whose jobs are all over."""
    launched: Annotated[int, Meta(ge=1)] | None = None
    """So many tasks of the cluster that belong to no service have come to RUNNING."""
    workload: str | None = None
    """Name of a workload all of whose requests are answered."""

    after: Span = msgspec.field(default_factory=Span)
    """It does not count before then: what was there before an event is not what came of it."""

    def __post_init__(self) -> None:
        one_of(self, WAITED_FOR)

    @property
    def sentence(self) -> str:
        """For people: what has come about."""
        if self.queue is not None:
            return f"the queue {self.queue} is empty"
        if self.job_queue is not None:
            return f"all jobs of {self.job_queue} are over"
        if self.launched is not None:
            return f"{self.launched} tasks have run"
        if self.workload is not None:
            return f"all requests of {self.workload} are answered"
        return f"{self.service} with {self.running} tasks" if self.running else f"{self.service} is up"


HAPPENINGS = (
    "call",
    "quota",
    "throttle",
    "break_image",
    "mend_image",
    "lose_node",
    "kill_zone",
    "interrupt_spot",
)
UNDONE = ("quota", "throttle", "break_image", "lose_node", "kill_zone")
"""What can last for some time."""


class Event(Part, frozen=True):
    """Something that happens at some time after the resources are there: one thing, beside `at`."""

    at: Span
    """When, after the resources are there."""
    call: dict[str, Any] | None = None
    """An operation of a client: {ecs.UpdateService: {service: web, desiredCount: 5}}."""
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """How often the operation is called; each call is tried again while it is throttled."""
    every: Span = msgspec.field(default_factory=Span)
    """Between two of these calls."""
    quota: dict[str, Any] | None = None
    """What quotas become: as `quotas` of the scenario."""
    throttle: dict[str, PerSecond] | None = None
    """Buckets that fill at that rate only, with hardly a burst: {fargate.on_demand: 2/s}."""
    break_image: str | None = None
    """Pulls of that image that begin from now on fail: its containers never start."""
    why: str = ""
    """What they stop with: CannotPullContainerError: …"""
    mend_image: str | None = None
    """Containers of that image that are launched from now on start again."""
    lose_node: str | None = None
    """No word comes from that node any more; n1 is the one that stands for all machines."""
    kill_zone: str | None = None
    """All instances and tasks of that availability zone end, and nothing new comes there."""
    interrupt_spot: Percent | None = None
    """That share of what runs on Spot, by chance: of tasks and jobs on Fargate, and of instances.

    Two minutes after the notice they are gone.
    """
    lasts: Span | None = None
    """After that a quota, throttle, image, lost node or killed zone is as before; without it, never."""

    def __post_init__(self) -> None:
        given = one_of(self, HAPPENINGS)
        if self.lasts is not None and given not in UNDONE:
            raise ValueError(f"a {given} does not last: only {', '.join(UNDONE)} do")
        if (self.times, self.every) != (1, 0) and self.call is None:
            raise ValueError(f"times and every are for a call, not for {given}")
        if self.why and self.break_image is None:
            raise ValueError(f"why is for break_image, not for {given}")

    @property
    def what(self) -> str:
        """For people: its kind, or the operation."""
        if self.call is not None:
            return next(iter(self.call), "call")
        return next(name for name in HAPPENINGS if getattr(self, name) is not None).replace("_", " ")

    @property
    def ends(self) -> int:
        """Nanoseconds until it is over."""
        return self.at + (self.lasts or 0) + (self.times - 1) * self.every


class Published(Part, frozen=True):
    """What somebody measured, to compare with."""

    seconds: Annotated[float, Meta(gt=0, le=1e9)]
    """How long it took there."""
    source: str = ""
    """Where it is published: a title or an address."""


class Scenario(Part, frozen=True):
    """One scenario: one file."""

    name: str
    """A short one; it names the scenario in results."""
    resources: list[dict[str, Any]]
    """What there is, in order: {service.Operation: parameters}, as the AWS API takes them.

    `as: name` beside it calls the answer that: later parameters may have ${name.Some.Member[0]} of it, and of
    ${default.subnets}, ${default.security_groups}, ${default.vpc}, ${default.account}, ${default.region} and
    ${default.package}, which is some code for a function.
    Or a CloudFormation template, {LogicalId: {Type: AWS::ECS::Service, Properties: …}}, or the path of one.
    """
    about: str = ""
    """A sentence for people."""
    profile: str = "aws"
    """Quotas and delays: local, aws, aws-2022, or a TOML file, beside this one or from where it is played."""
    quotas: dict[str, Any] = msgspec.field(default_factory=dict)
    """What is changed of the profile: numbers, or {refill, burst} of buckets."""
    delays: dict[str, Delay] = msgspec.field(default_factory=dict)
    """What is changed of the profile's delays."""
    models: dict[str, float] = msgspec.field(default_factory=dict)
    """What is changed of the profile's numbers of simulations: image.pull_mb_per_s and the like."""
    images: dict[str, Image] = msgspec.field(default_factory=dict)
    """What there is to say of images, by the names that definitions use."""
    instances: list[Instances] = msgspec.field(default_factory=list)
    """EC2 container instances that are there before the scenario begins."""
    functions: dict[str, Function] = msgspec.field(default_factory=dict)
    """What the code of functions does, by their names."""
    workloads: list[Workload] = msgspec.field(default_factory=list)
    """What users ask: requests to a load balancer, a function, a queue."""
    events: list[Event] = msgspec.field(default_factory=list)
    """What happens after the resources are there."""
    until: Until | list[Until] | None = None
    """What it waits for; of a list, for all."""
    report: Reporting = Reporting()
    """What the summary and the page show."""
    published: Published | None = None
    """What somebody measured: the prediction is compared with it."""
    horizon: Span = msgspec.field(default_factory=lambda: Span(HOUR))
    """When it is over at the latest."""
    seed: int = 1
    """Of all chance: the same seed gives the same result."""
    runs: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """With as many seeds: the result is their median."""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    """Of the template that the resources are."""
    accounts: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """Everything is there so many times, each in an account of its own with its own quotas.

    `until` waits for all of them; counts are sums, and bucket levels those of the first account.
    """

    def __post_init__(self) -> None:
        if self.accounts > 1 and self.workloads:
            raise ValueError("workloads are of one account: accounts cannot be more than 1 with them")

    @property
    def waits_for(self) -> tuple[Until, ...]:
        """What `until` says, as a row."""
        if self.until is None:
            return ()
        return (self.until,) if isinstance(self.until, Until) else tuple(self.until)
