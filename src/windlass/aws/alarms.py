"""Alarms: where services that act on alarms meet CloudWatch, which keeps them.

ECS deployments ask here which are in ALARM. Who owns what an action names (a scaling policy) says so by kind;
CloudWatch hands over an `Occasion` when an alarm comes into a state that has such an action, and each minute
that it stays there for actions of Auto Scaling (CloudWatch User Guide, "Alarm actions"). Knows no rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.aws.arn import parse
from windlass.kernel.clock import Instant

Kind: TypeAlias = Literal["autoscaling", "application-autoscaling", "lambda"]
"""Whose an action is, by botocore's names."""
REPEATED: frozenset[Kind] = frozenset({"autoscaling", "application-autoscaling"})


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why an action is to be taken: an alarm is in the state that names it."""

    account: str
    region: str
    alarm: str
    """Its name."""
    action: str
    """ARN."""
    state: str
    threshold: float
    points: tuple[tuple[int, float], ...]
    """What the alarm is evaluated by now: (start in seconds since the epoch, value), newest first."""
    at: Instant


Act: TypeAlias = Callable[[Occasion], Awaitable[str]]
"""Take the action; returns why it could not be taken, or nothing. To be taken twice must do no harm."""


class Alarms:
    """The alarms of all accounts by name. One per plane: `call.part(Alarms)`."""

    def __init__(self) -> None:
        self._raised: set[tuple[str, str, str]] = set()
        self._acts: dict[Kind, Act] = {}

    def set(self, account: str, region: str, name: str, *, raised: bool) -> None:
        """The alarm of that name is in ALARM from now on, or no more."""
        alarm = (account, region, name)
        if raised:
            self._raised.add(alarm)
        else:
            self._raised.discard(alarm)

    def raised(self, account: str, region: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are in ALARM."""
        return tuple(name for name in names if (account, region, name) in self._raised)

    def on_action(self, kind: Kind, act: Act) -> None:
        """Have actions of that kind taken so."""
        self._acts[kind] = act

    def act(self, action: str) -> Act | None:
        """Who takes that action; None when nobody here does."""
        kind = kind_of(action)
        return None if kind is None else self._acts.get(kind)


def kind_of(action: str) -> Kind | None:
    """Whose an action's ARN is.

    >>> kind_of("arn:aws:autoscaling:eu-west-1:1:scalingPolicy:u:resource/ecs/service/c/s:policyName/p")
    'application-autoscaling'
    """
    read = parse(action)
    if read is None:
        return None
    if read.service == "autoscaling" and read.resource.startswith("scalingPolicy:"):
        return "application-autoscaling" if ":resource/" in read.resource else "autoscaling"
    return "lambda" if read.service == "lambda" else None


def repeats(action: str) -> bool:
    """Whether it is taken each minute while its alarm stays in the state, not on the change alone."""
    return kind_of(action) in REPEATED
