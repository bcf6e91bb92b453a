"""What users ask of a scenario: when requests arrive, what takes them, how long each takes. Pure.

Members of a scenario file, as scenario.py's are. Known gaps: the time that a request takes does not depend on
how busy its server is, nor on its CPU units; clients do not give up.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from windlass.kernel.clock import MINUTE
from windlass.planner.scenario.parts import Part, PerSecond, Span, one_of

TARGETS = ("load_balancer", "app_runner", "function", "queue", "call")
ARRIVALS = ("constant", "poisson", "ramp", "burst", "diurnal", "trace")
TIMES = ("constant", "lognormal", "exponential", "trace")


class Target(Part, frozen=True):
    """What takes requests: one of load_balancer, app_runner, function, queue and call."""

    load_balancer: str | None = None
    """Name of an Application Load Balancer."""
    app_runner: str | None = None
    """Name of an App Runner service."""
    function: str | None = None
    """Name of a Lambda function, invoked synchronously."""
    queue: str | None = None
    """Name of an SQS queue: each request is a message, answered when somebody deleted it."""
    call: dict[str, Any] | None = None
    """An operation of a client: {ecs.RunTask: {taskDefinition: web}}."""
    host: str = ""
    """Of requests to a load balancer; without it the load balancer's own name."""
    path: str = "/"
    """Of requests to a load balancer or an App Runner service."""

    def __post_init__(self) -> None:
        one_of(self, TARGETS)
        if self.host and self.load_balancer is None:
            raise ValueError("host is for a load_balancer")
        if self.path != "/" and self.load_balancer is None and self.app_runner is None:
            raise ValueError("path is for a load_balancer or an app_runner")

    @property
    def sentence(self) -> str:
        """For people."""
        kind = one_of(self, TARGETS)
        if self.call is not None:
            return f"calls of {next(iter(self.call), 'nothing')}"
        words = {"app_runner": "App Runner service"}
        return f"{words.get(kind, kind.replace('_', ' '))} {getattr(self, kind)}"


class Ramp(Part, frozen=True):
    """A rate that rises or falls evenly."""

    begin: PerSecond = msgspec.field(name="from")
    """At its begin."""
    end: PerSecond = msgspec.field(name="to")
    """At its end."""


class Diurnal(Part, frozen=True):
    """A rate that goes up and down as a sine does, from its least at the begin."""

    mean: PerSecond
    """Over a whole period."""
    peak: PerSecond
    """At the middle of a period; at most twice the mean."""
    period: Span
    """From one least to the next: 24h is a day."""

    def __post_init__(self) -> None:
        if not self.mean <= self.peak <= 2 * self.mean:
            raise ValueError("peak is between mean and twice mean: the rate is a sine around its mean")
        if not self.period:
            raise ValueError("period is longer than 0 s")


class Arrivals(Part, frozen=True):
    """When requests come: one of constant, poisson, ramp, burst, diurnal and trace."""

    constant: PerSecond | None = None
    """Evenly."""
    poisson: PerSecond | None = None
    """By chance, each independent of the others."""
    ramp: Ramp | None = None
    """By chance, with a rate that changes evenly while the workload lasts."""
    burst: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """So many at once."""
    diurnal: Diurnal | None = None
    """By chance, with a rate that goes up and down."""
    trace: str | None = None
    """A CSV file beside the scenario's: a column at_s, seconds from the begin, and perhaps one count."""

    def __post_init__(self) -> None:
        one_of(self, ARRIVALS)


class Lognormal(Part, frozen=True):
    """Times as they usually are: many short ones, few long ones."""

    median: Span
    """Half of them are shorter."""
    sigma: Annotated[float, Meta(ge=0, le=5)] = 0.5
    """Standard deviation of the logarithm."""


class Times(Part, frozen=True):
    """How long something takes each time: one of constant, lognormal, exponential and trace."""

    constant: Span | None = None
    """Always the same."""
    lognormal: Lognormal | None = None
    """By chance: many short ones, few long ones."""
    exponential: Span | None = None
    """The mean: times without memory, as the servers of queueing theory have them (the second M of M/M/c)."""
    trace: str | None = None
    """A CSV file beside the scenario's with a column seconds: each in turn, and again from the first."""

    def __post_init__(self) -> None:
        one_of(self, TIMES)


class Workload(Part, frozen=True):
    """Requests of users."""

    name: str
    """It names the workload in results."""
    to: Target
    """What takes them."""
    arrivals: Arrivals
    """When they come."""
    at: Span = msgspec.field(default_factory=Span)
    """When it begins, from when its target can serve: its service runs, its function is active."""
    lasts: Span = msgspec.field(default_factory=lambda: Span(10 * MINUTE))
    """For how long requests arrive; a burst and a trace say that themselves."""
    service_time: Times | None = None
    """What its target takes for each request; for a function, `functions` may say that too.

    Of messages their consumers say it: `functions`, or an image's `consumes`.
    """
    attempts: Annotated[int, Meta(ge=1, le=100)] = 1
    """Of a call and a function: how often it is tried while it is throttled, at most.

    In between it backs off as AWS's SDKs do in their standard mode: by chance up to 1, 2, 4, … 20 s. Theirs
    is 3.
    """

    def __post_init__(self) -> None:
        if self.service_time is not None and (self.to.queue or self.to.call):
            raise ValueError("service_time is not for a queue or a call: images and functions say it")
        if self.attempts > 1 and self.to.call is None and self.to.function is None:
            raise ValueError("attempts are for a call or a function")


class Consumes(Part, frozen=True):
    """A container that takes messages from a queue."""

    queue: str
    """Name of an SQS queue."""
    takes: Times
    """For each message."""
    at_once: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """Messages that one container works on at a time."""
    until_empty: bool = False
    """It ends when a long poll of 20 s finds nothing; without it, it goes on until it is stopped."""
    graceful: bool = False
    """Told to stop, it ends what it has first; without it, that comes back when its visibility times out."""


class Function(Part, frozen=True):
    """What the code of a Lambda function does: it takes its time, then calls what it calls."""

    takes: Times | None = None
    """Of each event, beside its calls."""
    per_record: bool = False
    """`takes` is for each record of an event, as mappings of queues bring them: one after the other."""
    init: Span | None = None
    """Its initialisation, without the runtime's; without it the profile's delay lambda.init."""
    calls: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Operations, as in `resources`: `as` names their answers to the ones after them, ${event} is its event.

    `when` beside one: it is left out when that is null, false, 0 or empty.
    """
