"""AWS's prices of us-east-1 in US dollars, each with its source and the date of the figure. Pure data.

Facts: facts/fargate-launch-model.md, section 7. What is UNVERIFIED there is so here. Free tiers, Savings
Plans, data transfer, NAT gateways, public addresses and logs are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one `unit`."""

    usd: float
    unit: str
    date: str
    source: str


_VANTAGE = "vantage.sh"
_FARGATE = "wring.co of 2026-03-10, cloudburn.io of 2026-04-01"
_MEMORY = "EC2's on-demand page as remembered (unverified)"

FARGATE: Mapping[str, tuple[Price, Price]] = {
    "x86_64": (
        Price(0.04048, "vCPU-hour", "2026-03", _FARGATE),
        Price(0.004445, "GB-hour", "2026-03", _FARGATE),
    ),
    "arm64": (
        Price(0.03238, "vCPU-hour", "2021", _VANTAGE),
        Price(0.00356, "GB-hour", "2021", _VANTAGE),
    ),
}
"""Architecture → a vCPU and a GB."""
SPOT = (
    Price(0.01291, "vCPU-hour", "2026", "fortem.dev, wring.co: 68 % off"),
    Price(0.00142, "GB-hour", "2026", "ours: the same share off"),
)
"""Of Fargate Spot, x86; it changes with supply."""
LAMBDA_REQUEST = Price(0.20 / 1e6, "request", "2026-08-25", "public repositories")
LAMBDA: Mapping[str, Price] = {
    "x86_64": Price(0.0000166667, "GB-second", "2026-08-25", "public repositories"),
    "arm64": Price(0.0000133334, "GB-second", "2026", "from memory (unverified)"),
}
LOAD_BALANCER = Price(0.0225, "hour", "2026", "public repositories")
SQS = Price(0.40 / 1e6, "request", "2026", "from memory (unverified)")
INSTANCES: Mapping[str, Price] = {
    name: Price(usd, "hour", "2022", _MEMORY)
    for name, usd in {
        "t3.micro": 0.0104,
        "t3.small": 0.0208,
        "t3.medium": 0.0416,
        "t3.large": 0.0832,
        "m5.large": 0.096,
        "m5.xlarge": 0.192,
        "m5.2xlarge": 0.384,
        "m5.4xlarge": 0.768,
        "c5.large": 0.085,
        "c5.xlarge": 0.17,
        "c5.2xlarge": 0.34,
        "c5.4xlarge": 0.68,
        "r5.large": 0.126,
        "r5.xlarge": 0.252,
    }.items()
}
"""Instance type → Linux, on demand."""
