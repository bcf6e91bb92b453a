"""Granted quotas and requests for them, as rows. RequestServiceQuotaIncrease alone writes them."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table


@dataclass(frozen=True, slots=True)
class Granted:
    """What an account has in one Region in place of the profile's number."""

    account: str
    region: str
    name: str
    """Of the quota in the profile: "ecs.clusters", "fargate.spot.burst"."""
    value: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was granted."""

    id: str
    account: str
    region: str
    service: str
    quota: str
    """Its code, "L-21C621EB"."""
    desired: float
    requester: str
    """ARN of the caller."""
    created_at: Instant


GRANTED: Table[Granted] = Table(
    name="service-quotas.granted",
    row=Granted,
    key=lambda row: (row.account, row.region, row.name),
)
REQUESTS: Table[Request] = Table(
    name="service-quotas.request",
    row=Request,
    key=lambda row: row.id,
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.created_at),
        "service": Index(
            of=lambda row: (row.account, row.region, row.service), order=lambda row: row.created_at
        ),
        "quota": Index(
            of=lambda row: (row.account, row.region, row.service, row.quota),
            order=lambda row: row.created_at,
        ),
    },
)
TABLES = (GRANTED, REQUESTS)
