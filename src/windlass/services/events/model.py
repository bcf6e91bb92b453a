"""EventBridge as rows: buses, rules, targets, and deliveries under way.

Who writes what: handlers write buses, rules and targets; schedules.py moves a rule's `next_fire`; router.py
adds deliveries, deliver.py changes and deletes them. A bus named "default" needs no row until it differs
from a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

DEFAULT_BUS = "default"
ENABLED_STATES = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
BusKey = tuple[str, str, str]
RuleKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class EventBus:
    """One bus. `statements` are those of its resource policy, in the order they were put."""

    account: str
    region: str
    name: str
    created_at: Instant = 0
    modified_at: Instant = 0
    settings: dict[str, Any] = field(default_factory=dict)
    """Description, DeadLetterConfig and LogConfig as given."""
    statements: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> BusKey:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("events", self.region, self.account, f"event-bus/{self.name}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `next_fire` is None for a rule that is disabled or has no schedule."""

    account: str
    region: str
    bus: str
    name: str
    state: str
    pattern: str | None = None
    schedule: str | None = None
    description: str | None = None
    role_arn: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    next_fire: Instant | None = None

    @property
    def key(self) -> RuleKey:
        return (self.account, self.region, self.bus, self.name)

    @property
    def bus_key(self) -> BusKey:
        return (self.account, self.region, self.bus)

    @property
    def arn(self) -> str:
        place = self.name if self.bus == DEFAULT_BUS else f"{self.bus}/{self.name}"
        return arn("events", self.region, self.account, f"rule/{place}")

    @property
    def enabled(self) -> bool:
        return self.state in ENABLED_STATES


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a rule; `spec` is the Target structure of the API."""

    account: str
    region: str
    bus: str
    rule: str
    id: str
    spec: dict[str, Any]

    @property
    def rule_key(self) -> RuleKey:
        return (self.account, self.region, self.bus, self.rule)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target. It is gone when the target took it, or nobody will.

    `spec` is the target as it was when the event matched; `event` is the whole event as JSON, `payload` what
    the target's input made of it (None: the event itself). `attempts` counts those that failed.
    """

    id: str
    account: str
    region: str
    rule_name: str
    rule_arn: str
    spec: dict[str, Any]
    event: str
    payload: str | None
    created_at: Instant
    next_at: Instant
    attempts: int = 0
    hops: int = 0


BUSES: Table[EventBus] = Table(
    name="events.bus",
    row=EventBus,
    key=lambda bus: bus.key,
    indexes={"scope": Index(of=lambda bus: (bus.account, bus.region), order=lambda bus: bus.name)},
)
RULES: Table[Rule] = Table(
    name="events.rule",
    row=Rule,
    key=lambda rule: rule.key,
    indexes={
        "bus": Index(of=lambda rule: rule.bus_key, order=lambda rule: rule.name),
        "due": Index(
            of=lambda rule: None if rule.next_fire is None else True, order=lambda rule: rule.next_fire
        ),
    },
)
TARGETS: Table[Target] = Table(
    name="events.target",
    row=Target,
    key=lambda target: (*target.rule_key, target.id),
    indexes={
        "rule": Index(of=lambda target: target.rule_key, order=lambda target: target.id),
        "arn": Index(
            of=lambda target: (target.account, target.region, target.bus, target.spec["Arn"]),
            order=lambda target: target.rule,
        ),
    },
)
DELIVERIES: Table[Delivery] = Table(
    name="events.delivery",
    row=Delivery,
    key=lambda delivery: delivery.id,
    indexes={"due": Index(of=lambda delivery: True, order=lambda delivery: delivery.next_at)},
)
TABLES = (BUSES, RULES, TARGETS, DELIVERIES)
