"""What a scenario's run costs: from what was used to lines with prices. Pure.

Fargate is paid by the second from the first pull to the task's end, for a minute at least (from where on is
unverified, facts/fargate-launch-model.md section 7). Instances are paid from their launch, or from the
scenario's begin, to their end, load balancers without their capacity units, Lambda's functions for what they
ran. What has no price here is named, and costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from windlass.planner.costs import prices
from windlass.planner.costs.prices import Price

MINIMUM_S = 60.0


@dataclass(slots=True)
class Usage:
    """What was used so far, in the units that are paid for."""

    vcpu_s: dict[tuple[str, bool], float] = field(default_factory=lambda: defaultdict(float))
    """(architecture, on Spot) → vCPU-seconds of Fargate."""
    gb_s: dict[tuple[str, bool], float] = field(default_factory=lambda: defaultdict(float))
    instance_s: dict[tuple[str, bool], float] = field(default_factory=lambda: defaultdict(float))
    """(instance type, "" for one that nobody named; on Spot) → seconds."""
    balancer_s: float = 0.0
    address_s: float = 0.0
    """Of public IPv4 addresses."""
    requests: float = 0.0
    """Of Lambda."""
    function_gb_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Architecture → what ran on demand."""
    provisioned_gb_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Architecture → what ran on provisioned concurrency."""
    kept_gb_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Architecture → provisioned concurrency itself, used or not."""
    messages: float = 0.0
    """Requests to standard queues of SQS."""
    fifo_messages: float = 0.0
    app_runner_vcpu_s: float = 0.0
    """Of active instances."""
    app_runner_gb_s: float = 0.0
    """Of provisioned and active ones."""
    unpriced: set[str] = field(default_factory=set)
    """What else there was, in words."""

    def add_task(self, vcpu: float, gb: float, ran_s: float, architecture: str, spot: bool) -> None:
        """A task on Fargate that ran for so long."""
        paid_s = max(MINIMUM_S, ran_s)
        self.vcpu_s[architecture, spot] += vcpu * paid_s
        self.gb_s[architecture, spot] += gb * paid_s


@dataclass(frozen=True, slots=True)
class Line:
    """So much of something, at a price."""

    what: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        return self.quantity * self.price.usd


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    lines: tuple[Line, ...] = ()
    unpriced: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        return sum(line.usd for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """As --json writes it."""
        lines = [
            {
                "what": line.what,
                "quantity": line.quantity,
                "unit": line.price.unit,
                "usd_per_unit": line.price.usd,
                "usd": line.usd,
                "date": line.price.date,
                "source": line.price.source,
                "verified": line.price.verified,
            }
            for line in self.lines
        ]
        return {
            "usd": self.usd,
            "region": "us-east-1",
            "lines": lines,
            "unpriced": list(self.unpriced),
            "not_metered": list(prices.NOT_METERED),
        }


NOTHING = Cost()


def cost_of(usage: Usage) -> Cost:
    """The lines of what was used."""
    unknown = [
        f"{seconds / 3_600:.2f} hours of instances {f'of the type {name}' if name else 'without a type'}"
        for (name, _), seconds in sorted(usage.instance_s.items())
        if name not in prices.INSTANCES
    ]
    unknown += [
        f"{seconds / 3_600:.2f} vCPU-hours of Fargate{' Spot' if spot else ''} on {architecture}"
        for (architecture, spot), seconds in sorted(usage.vcpu_s.items())
        if _fargate(architecture, spot) is None
    ]
    return Cost(tuple(line for line in _lines(usage) if line.quantity), (*unknown, *sorted(usage.unpriced)))


def _fargate(architecture: str, spot: bool) -> tuple[Price, Price] | None:
    return (prices.SPOT if spot else prices.FARGATE).get(architecture)


def _lines(usage: Usage) -> Iterator[Line]:
    for architecture, spot in sorted(usage.vcpu_s):
        found = _fargate(architecture, spot)
        if found is None:
            continue
        name = f"Fargate{' Spot' if spot else ''}, {architecture}"
        yield Line(f"{name}: vCPU", usage.vcpu_s[architecture, spot] / 3_600, found[0])
        yield Line(f"{name}: memory", usage.gb_s[architecture, spot] / 3_600, found[1])
    for (name, spot), seconds in sorted(usage.instance_s.items()):
        if name in prices.INSTANCES:
            price = (prices.SPOT_INSTANCES if spot else prices.INSTANCES)[name]
            yield Line(f"EC2, {name}{' on Spot' if spot else ''}", seconds / 3_600, price)
    yield Line("public IPv4 addresses", usage.address_s / 3_600, prices.ADDRESS)
    yield Line("Application Load Balancers, without LCUs", usage.balancer_s / 3_600, prices.LOAD_BALANCER)
    yield Line("Lambda: requests", usage.requests, prices.LAMBDA_REQUEST)
    for architecture, amount in sorted(usage.function_gb_s.items()):
        yield Line(f"Lambda, {architecture}: time", amount, prices.LAMBDA[architecture])
    for architecture, amount in sorted(usage.provisioned_gb_s.items()):
        what = f"Lambda, {architecture}: time on provisioned concurrency"
        yield Line(what, amount, prices.LAMBDA_PROVISIONED[architecture])
    for architecture, amount in sorted(usage.kept_gb_s.items()):
        yield Line(
            f"Lambda, {architecture}: provisioned concurrency", amount, prices.LAMBDA_KEPT[architecture]
        )
    yield Line("App Runner: active vCPU", usage.app_runner_vcpu_s / 3_600, prices.APP_RUNNER_ACTIVE)
    yield Line("App Runner: memory", usage.app_runner_gb_s / 3_600, prices.APP_RUNNER_MEMORY)
    yield Line("SQS: requests", usage.messages, prices.SQS)
    yield Line("SQS: requests of FIFO queues", usage.fifo_messages, prices.SQS_FIFO)
