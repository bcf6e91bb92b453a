"""Operations that a scenario names, called in its world as a client would: throttled, and tried again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.planner.playing.answers import Answers, NotThere
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.scenario.parameters import sent, wrong_operation, wrong_parameter
from windlass.sim.world import ACCOUNT, World

AS, WHEN = "as", "when"
"""Beside an operation: what its answer is called from then on, and what has to be so for it to be called."""
THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")
AGAIN: Duration = SECOND
"""How long a client waits that was throttled."""
UNREADY = re.compile(r"\b(CREATING|Pending|PROVISIONING)\b")
"""What AWS says when it refuses an operation because of something that is not ready yet."""
READY_WITHIN: Duration = 10 * MINUTE
"""Longer is not waited for that."""
REFUSED = re.compile(
    r"reached the limit|LimitExceeded|Capacity is unavailable|sufficient \S+ capacity|No Container Instances"
)
"""What AWS says, code and message, when an operation is right and cannot be done as things are."""


def operation(said: Mapping[str, Any], where: str) -> tuple[str, Any]:
    """("ecs.RunTask", its parameters). Raises CannotPlay."""
    operations = {name: params for name, params in said.items() if name not in (AS, WHEN)}
    if len(operations) != 1:
        raise CannotPlay(f"{where}: one operation at a time, as in {{ecs.CreateCluster: {{…}}}}")
    if not isinstance(said.get(AS, ""), str):
        raise CannotPlay(f"{where}: as: {said[AS]!r} is no name; write as: web, for example")
    [(name, params)] = operations.items()
    service, _, rest = name.partition(".")
    if not service or not rest:
        raise CannotPlay(f"{where}: {name!r} is no operation; write ecs.CreateService, for example")
    if wrong := wrong_operation(service, rest):
        raise CannotPlay(f"{where}: {name}: {wrong}")
    if wrong := wrong_parameter(service, rest, params):
        raise CannotPlay(f"{where}: {name}: {wrong}")
    return name, params


class Calling:
    """Of one account in one run. `answers` are those of its resources and events."""

    def __init__(self, world: World, account: str = ACCOUNT) -> None:
        self.account = account
        self._world = world
        self.answers = Answers()
        self.throttled: Counter[str] = Counter()
        """Operation → how often it was told to try again."""
        self.refused: Counter[str] = Counter()
        """Operation, with the reason → how often it could not be done, or for how many tasks."""

    async def try_to(self, said: Mapping[str, Any], where: str) -> None:
        """One operation that may be refused for want of capacity: that is counted. Raises CannotPlay."""
        try:
            await self.call(said, where)
        except CannotPlay as error:
            if not REFUSED.search(str(error)):
                raise
            self.refused[str(error).removeprefix(f"{where}: ")] += 1

    def told(self) -> list[str]:
        """What was refused, in sentences."""
        return [f"{count} times {what}" for what, count in sorted(self.refused.items())]

    async def call(
        self, said: Mapping[str, Any], where: str, answers: Answers | None = None, *, faults: bool = False
    ) -> None:
        """One operation, tried again while it is throttled, or what it names is being made.

        Raises CannotPlay; `faults`: or the Fault.
        """
        known = self.answers if answers is None else answers
        name, params = operation(said, where)
        clock = self._world.clock
        ready_by = clock.now() + READY_WITHIN
        while True:
            try:
                answer = await self.once(said, where, known)
                break
            except Fault as fault:
                later = UNREADY.search(fault.message) is not None and clock.now() < ready_by
                if fault.code not in THROTTLED and not later:
                    if faults:
                        raise
                    raise CannotPlay(f"{where}: {name}: {fault.code}: {fault.message}") from fault
            await self._world.pass_time(AGAIN)
        if failures := (answer or {}).get("failures"):
            count = params.get("count", 1) if name == "ecs.RunTask" else 0
            lacking = count - len(answer["tasks"]) if isinstance(count, int) and count else 0
            self.refused[f"{name}: {failures[0].get('reason')}"] += lacking or len(failures)
        if AS in said:
            known.keep(said[AS], answer)

    async def once(self, said: Mapping[str, Any], where: str, answers: Answers | None = None) -> Result:
        """One operation, called once. Raises Fault and CannotPlay."""
        name, params = operation(said, where)
        service, _, rest = name.partition(".")
        try:
            filled = (self.answers if answers is None else answers).filled(params)
        except NotThere as error:
            raise CannotPlay(f"{where}: {error}") from error
        if wrong := wrong_parameter(service, rest, filled, filled=True):
            raise CannotPlay(f"{where}: {name}: {wrong}")
        try:
            return await self._world.call_as(self.account, service, rest, **sent(service, rest, filled))
        except Fault as fault:
            if fault.code in THROTTLED:
                self.throttled[name] += 1
            raise
