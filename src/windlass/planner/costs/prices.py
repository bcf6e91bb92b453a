"""AWS's prices of us-east-1 in US dollars, each with its source and the date of the figure. Pure data.

Looked up on 2026-11-22 in stored copies of AWS's pages and of others that quote AWS's price list; a price
that we found in none of them, or that changes from day to day, is not `verified`, and every output says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from windlass.services.ec2.instance_types import types


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one `unit`."""

    usd: float
    unit: str
    date: str
    source: str
    verified: bool = True

    @property
    def as_of(self) -> str:
        """For people: the date of the figure, and whether it can be relied on."""
        return self.date if self.verified else f"{self.date}, unverified"


_FARGATE = "wring.co of 2026-03-10, cloudburn.io of 2026-04-01"
_VANTAGE = "vantage.sh/blog/fargate-pricing, first of 2021"
_FARGATE_SPOT = "fortem.dev, wring.co: 68 % off; it changes with supply"
_PRICE_LIST = "copies of AWS's price list in public repositories, with its rate codes"
_APP_RUNNER = "aws.amazon.com/apprunner/pricing"
_SQS = "cloudburn.io of 2026-03-14, factualminds.com of 2026-06-13"
_BALANCERS = "awsnegotiations.com of May 2026"
_EC2 = "copies of AWS's price list in public repositories; factualminds.com of 2026-06-17"
_EC2_SPOT = "half of on demand: 38 to 56 % in an example of the EC2 Auto Scaling User Guide; it changes"
_NAT = "long-standing figure, from memory"

FARGATE: Mapping[str, tuple[Price, Price]] = {
    "x86_64": (
        Price(0.04048, "vCPU-hour", "2026-03", _FARGATE),
        Price(0.004445, "GB-hour", "2026-03", _FARGATE),
    ),
    "arm64": (
        Price(0.03238, "vCPU-hour", "2026", _VANTAGE),
        Price(0.00356, "GB-hour", "2026", _VANTAGE),
    ),
}
"""Architecture → a vCPU and a GB."""
SPOT: Mapping[str, tuple[Price, Price]] = {
    "x86_64": (
        Price(0.01291, "vCPU-hour", "2026", _FARGATE_SPOT, verified=False),
        Price(0.00142, "GB-hour", "2026", _FARGATE_SPOT, verified=False),
    ),
    "arm64": (
        Price(0.01036, "vCPU-hour", "2026", _FARGATE_SPOT, verified=False),
        Price(0.00114, "GB-hour", "2026", _FARGATE_SPOT, verified=False),
    ),
}
"""The same on Fargate Spot."""
APP_RUNNER_ACTIVE = Price(0.064, "vCPU-hour", "2026", _APP_RUNNER)
"""While an instance serves requests, at least a minute each time; beside its memory."""
APP_RUNNER_MEMORY = Price(0.007, "GB-hour", "2026", _APP_RUNNER)
"""Of all instances, provisioned (idle) and active; paused services have none."""
LAMBDA_REQUEST = Price(0.20 / 1e6, "request", "2026", _PRICE_LIST)
LAMBDA: Mapping[str, Price] = {
    "x86_64": Price(0.0000166667, "GB-second", "2026", _PRICE_LIST),
    "arm64": Price(0.0000133334, "GB-second", "2026", _PRICE_LIST),
}
"""On demand; the first 6 (arm64: 7.5) thousand million GB-seconds of a month."""
LAMBDA_KEPT: Mapping[str, Price] = {
    "x86_64": Price(0.0000041667, "GB-second", "2026", _PRICE_LIST),
    "arm64": Price(0.0000033334, "GB-second", "2026", _PRICE_LIST),
}
"""Provisioned concurrency, used or not."""
LAMBDA_PROVISIONED: Mapping[str, Price] = {
    "x86_64": Price(0.0000097222, "GB-second", "2026", _PRICE_LIST),
    "arm64": Price(0.0000077778, "GB-second", "2026", _PRICE_LIST),
}
"""What runs on provisioned concurrency, in place of LAMBDA."""
LOAD_BALANCER = Price(0.0225, "hour", "2026-05", _BALANCERS)
SQS = Price(0.40 / 1e6, "request", "2026-06", _SQS)
SQS_FIFO = Price(0.50 / 1e6, "request", "2026-06", _SQS)
ADDRESS = Price(0.005, "hour", "2024-02", "AWS News Blog, public IPv4 address charge, since 2024-02-01")
"""A public IPv4 address: of a task, of an instance, of a load balancer in each of its zones."""

_LARGE: Mapping[str, float] = {
    "c5": 0.085,
    "c5a": 0.077,
    "c5d": 0.096,
    "c6a": 0.0765,
    "c6g": 0.068,
    "c6i": 0.085,
    "c7g": 0.0725,
    "c7i": 0.08925,
    "m5": 0.096,
    "m5a": 0.086,
    "m5d": 0.113,
    "m6a": 0.0864,
    "m6g": 0.077,
    "m6i": 0.096,
    "m7g": 0.0816,
    "m7i": 0.1008,
    "r5": 0.126,
    "r6g": 0.1008,
    "r6i": 0.126,
    "r7g": 0.1071,
    "t2": 0.0928,
    "t3": 0.0832,
    "t3a": 0.0752,
    "t4g": 0.0672,
}
"""Family → its large size, an hour; the others cost as many times that as they are larger."""
_FOUND_NOWHERE = frozenset({"c5d"})
_BURSTABLE: Mapping[str, float] = {
    "nano": 1 / 16,
    "micro": 1 / 8,
    "small": 1 / 4,
    "medium": 1 / 2,
    "large": 1,
    "xlarge": 2,
    "2xlarge": 4,
}
"""Size → larges, of the t families."""
_SINGLE: Mapping[str, float] = {
    "t2.small": 0.023,
    "g4dn.xlarge": 0.526,
    "g4dn.2xlarge": 0.752,
    "g4dn.4xlarge": 1.204,
    "g4dn.8xlarge": 2.176,
    "g4dn.12xlarge": 3.912,
    "g4dn.16xlarge": 4.352,
    "g5.xlarge": 1.006,
    "g5.2xlarge": 1.212,
    "g5.4xlarge": 1.624,
    "g5.8xlarge": 2.448,
    "g5.12xlarge": 5.672,
    "g5.24xlarge": 8.144,
    "g5.48xlarge": 16.288,
}
"""Those that are priced by themselves. g5.16xlarge is missing: what we found does not agree."""
EC2_SPOT_SHARE = 0.5


def _on_demand() -> Iterator[tuple[str, Price]]:
    for name, kind in types().items():
        family, size = kind.family, name.partition(".")[2]
        usd = _SINGLE.get(name)
        if usd is None and family in _LARGE:
            usd = _LARGE[family] * (_BURSTABLE[size] if kind.burstable else kind.vcpus / 2)
        if usd is not None:
            yield name, Price(round(usd, 6), "hour", "2026-06", _EC2, family not in _FOUND_NOWHERE)


INSTANCES: Mapping[str, Price] = dict(_on_demand())
"""Instance type → Linux, on demand."""
SPOT_INSTANCES: Mapping[str, Price] = {
    name: replace(price, usd=round(price.usd * EC2_SPOT_SHARE, 6), source=_EC2_SPOT, verified=False)
    for name, price in INSTANCES.items()
}
"""The same on Spot, roughly."""

NOT_METERED: Mapping[str, Price] = {
    "capacity units of load balancers (LCU)": Price(0.008, "LCU-hour", "2026-05", _BALANCERS),
    "NAT gateways, an hour and as much for each GB": Price(0.045, "hour", "2026", _NAT, verified=False),
    "CloudWatch Logs, taken in": Price(0.50, "GB", "2026", "fortem.dev"),
    "ephemeral storage of Fargate above 20 GB": Price(0.000111, "GB-hour", "2026", _VANTAGE),
    "ephemeral storage of Lambda above 512 MB": Price(0.0000000309, "GB-second", "2026", _PRICE_LIST),
}
"""What a bill has beside it and no scenario counts. Nor free tiers, Savings Plans, volumes and traffic."""
