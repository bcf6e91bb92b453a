"""A scenario, as a file says it: what there is, what is asked of it, what happens to it, what to look at.

Every member is documented here; `windlass plan --schema` prints this as JSON Schema. Resources are AWS's own:
the operation that makes one, with its parameters. Quantities have units (quantity.py).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from windlass.kernel.clock import HOUR
from windlass.planner import quantity


class Span(int):
    """Nanoseconds, said as "500ms", "10m" or seconds."""


class PerSecond(float):
    """A rate, said as "20/s" or "500/min"."""


class Bytes(int):
    """Said as "100MB" or "1GiB"."""


class Percent(float):
    """A share, said as "30%"."""


QUANTITIES: dict[type, Any] = {
    Span: quantity.duration,
    PerSecond: quantity.rate,
    Bytes: quantity.size,
    Percent: quantity.percent,
}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of a scenario. What it does not know is refused."""


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


class Delay(Part, frozen=True):
    """A lognormal delay."""

    median: Span
    sigma: float = 0.0
    """Standard deviation of its logarithm."""


class Rate(Part, frozen=True):
    """A token bucket."""

    refill: PerSecond
    burst: int


class Instances(Part, frozen=True):
    """EC2 container instances that are registered and run before the scenario begins."""

    count: Annotated[int, Meta(ge=1, le=20_000)]
    cluster: str = "default"
    cpu: Annotated[int, Meta(ge=128)] = 4_096
    """CPU units of each."""
    memory: Annotated[int, Meta(ge=128)] = 16_384
    """MiB of each."""


class Until(Part, frozen=True):
    """What the scenario waits for: its result is the time until then."""

    service: str
    cluster: str = "default"
    running: int | None = None
    """So many tasks of it are RUNNING."""
    stable: bool = True
    """Its deployment is over and as many run as are wanted: with `running` it is enough that these run."""


class Event(Part, frozen=True):
    """Something that happens at some time after the resources are there."""

    at: Span
    call: dict[str, Any] | None = None
    """An operation of a client: {ecs.UpdateService: {service: web, desiredCount: 5}}."""
    quota: dict[str, Any] | None = None
    """What quotas become: as `quotas` of the scenario."""
    break_image: str | None = None
    """From now on containers of that image never start."""
    mend_image: str | None = None
    lose_node: str | None = None


class Published(Part, frozen=True):
    """What somebody measured, to compare with."""

    seconds: float
    source: str = ""


class Scenario(Part, frozen=True):
    """One scenario: one file."""

    name: str
    """A short one; it names the scenario in results."""
    resources: list[dict[str, Any]]
    """What there is, in order: {service.Operation: parameters}, as the AWS API takes them.

    `as: name` beside it calls the answer that: later parameters may have ${name.Some.Member[0]} of it, and of
    ${default.subnets}, ${default.security_groups} and ${default.vpc}.
    """
    about: str = ""
    """A sentence for people."""
    profile: str = "aws"
    """Quotas and delays: local, aws, aws-2022, or a TOML file."""
    quotas: dict[str, Any] = {}
    """What is changed of the profile: numbers, or {refill, burst} of buckets."""
    delays: dict[str, Delay] = {}
    """What is changed of the profile's delays."""
    models: dict[str, float] = {}
    """What is changed of the profile's numbers of simulations: image.pull_mb_per_s and the like."""
    images: dict[str, Image] = {}
    instances: list[Instances] = []
    events: list[Event] = []
    until: Until | None = None
    published: Published | None = None
    horizon: Span = msgspec.field(default_factory=lambda: Span(HOUR))
    """When it is over at the latest."""
    seed: int = 1
    runs: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """With as many seeds: the result is their median."""
