"""CloudWatch as rows: what PutMetricData acknowledged, alarms, and what became of them.

Points are read from memory (aws/metrics.py) and never from here: these rows are what they are made of again
after a restart: keeping.py adds them, joins many to one and deletes. Handlers write alarms; their state is
written by changing.py only, for SetAlarmState and for evaluator.py, with an item of their history and what is
to be done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table
from windlass.services.cloudwatch.evaluate import Missing, State
from windlass.services.cloudwatch.limits import ROW_FULL_BYTES

AlarmType: TypeAlias = Literal["MetricAlarm", "CompositeAlarm"]
Scope: TypeAlias = tuple[str, str]
"""(account, region)."""


@dataclass(frozen=True, slots=True)
class PointRow:
    """The points of one PutMetricData, or of many."""

    account: str
    region: str
    number: int
    level: int
    """0 as it came; joined rows are one above those they were made of."""
    newest: int
    """Start of its newest point, in seconds since the epoch."""
    packed: bytes
    """What packing.py reads."""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.account, self.region, self.number)

    @property
    def full(self) -> bool:
        """Whether it stays as it is until it goes."""
        return len(self.packed) >= ROW_FULL_BYTES


POINT_ROWS: Table[PointRow] = Table(
    name="cloudwatch.points",
    row=PointRow,
    key=lambda row: row.key,
    indexes={
        "level": Index(
            of=lambda row: None if row.full else (row.account, row.region, row.level),
            order=lambda row: row.number,
        ),
        "age": Index(of=lambda row: True, order=lambda row: row.newest),
    },
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm; columns are what PutMetricAlarm or PutCompositeAlarm said, None where they said nothing."""

    account: str
    region: str
    name: str
    configured_at: Instant
    state_at: Instant
    transitioned_at: Instant
    comparison: str
    threshold: float
    evaluation_periods: int
    state: State = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_actions: tuple[str, ...] = ()
    namespace: str | None = None
    metric: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    """Sorted by name."""
    statistic: str | None = None
    extended_statistic: str | None = None
    period: int | None = None
    """Seconds."""
    unit: str | None = None
    metrics: str | None = None
    """The list of metric data queries as JSON, of an alarm on metric math."""
    datapoints_to_alarm: int | None = None
    missing: Missing | None = None
    low_samples: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    rule: str | None = None
    """The rule of a composite alarm; it has no metric then."""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{self.name}"

    @property
    def kind(self) -> AlarmType:
        return "MetricAlarm" if self.rule is None else "CompositeAlarm"

    @property
    def actions(self) -> tuple[str, ...]:
        """What is to be done in its state."""
        match self.state:
            case "OK":
                return self.ok_actions
            case "ALARM":
                return self.alarm_actions
            case "INSUFFICIENT_DATA":
                return self.insufficient_actions


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """Something that became of an alarm; the newest of each are kept, also of those that are gone."""

    account: str
    region: str
    number: int
    """Counts up in an account and Region."""
    alarm: str
    at: Instant
    kind: str
    """HistoryItemType."""
    summary: str
    data: str
    alarm_type: AlarmType = "MetricAlarm"


@dataclass(frozen=True, slots=True)
class DueAction:
    """An action that a change of state asks for; actions.py takes it, and the row goes."""

    account: str
    region: str
    alarm: str
    at: Instant
    """When the alarm came into the state."""
    arn: str
    state: State
    told: str = ""
    """What a function is told, as JSON."""

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        return (self.account, self.region, self.alarm, self.at, self.arn)


ALARMS: Table[Alarm] = Table(
    name="cloudwatch.alarm",
    row=Alarm,
    key=lambda alarm: alarm.key,
    indexes={
        "scope": Index(of=lambda alarm: alarm.scope, order=lambda alarm: alarm.name),
        "metric": Index(
            of=lambda alarm: (*alarm.scope, alarm.namespace, alarm.metric) if alarm.metric else None
        ),
    },
)
HISTORY: Table[HistoryItem] = Table(
    name="cloudwatch.history",
    row=HistoryItem,
    key=lambda item: (item.account, item.region, item.number),
    indexes={
        "scope": Index(of=lambda item: (item.account, item.region), order=lambda item: item.number),
        "alarm": Index(
            of=lambda item: (item.account, item.region, item.alarm), order=lambda item: item.number
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, as it was put."""

    account: str
    region: str
    name: str
    body: str
    modified_at: Instant

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch::{self.account}:dashboard/{self.name}"


DASHBOARDS: Table[Dashboard] = Table(
    name="cloudwatch.dashboard",
    row=Dashboard,
    key=lambda row: (row.account, row.region, row.name),
    indexes={"scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name)},
)
DUE_ACTIONS: Table[DueAction] = Table(
    name="cloudwatch.action",
    row=DueAction,
    key=lambda row: row.key,
    indexes={"due": Index(of=lambda row: True, order=lambda row: row.at)},
)
TABLES = (POINT_ROWS, ALARMS, HISTORY, DASHBOARDS, DUE_ACTIONS)
