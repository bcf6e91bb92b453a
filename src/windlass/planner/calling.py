"""Operations that a scenario names, called in its world as a client would: throttled, and tried again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.planner.answers import Answers, NotThere
from windlass.planner.changes import CannotPlay
from windlass.services.catalogue import SERVICES
from windlass.sim.world import World

AS, WHEN = "as", "when"
"""Beside an operation: what its answer is called from then on, and what has to be so for it to be called."""
THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")
AGAIN: Duration = SECOND
"""How long a client waits that was throttled."""
UNREADY = re.compile(r"\b(CREATING|Pending|PROVISIONING)\b")
"""What AWS says when it refuses an operation because of something that is not ready yet."""
READY_WITHIN: Duration = 10 * MINUTE
"""Longer is not waited for that."""
_NAMES = {service.name for service in SERVICES}


def operation(said: Mapping[str, Any], where: str) -> tuple[str, Any]:
    """("ecs.RunTask", its parameters). Raises CannotPlay."""
    operations = {name: params for name, params in said.items() if name not in (AS, WHEN)}
    if len(operations) != 1:
        raise CannotPlay(f"{where}: one operation at a time, as in {{ecs.CreateCluster: {{…}}}}")
    [(name, params)] = operations.items()
    service, _, rest = name.partition(".")
    if service not in _NAMES or not rest:
        raise CannotPlay(f"{where}: {name!r} is no operation; write ecs.CreateService, for example")
    return name, params


class Calling:
    """Of one run. `answers` are those of its resources and events."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.answers = Answers()
        self.throttled: Counter[str] = Counter()
        """Operation → how often it was told to try again."""

    async def call(self, said: Mapping[str, Any], where: str, answers: Answers | None = None) -> None:
        """One operation, tried again while it is throttled, or what it names is being made.

        Raises CannotPlay.
        """
        known = self.answers if answers is None else answers
        name, _ = operation(said, where)
        clock = self._world.clock
        ready_by = clock.now() + READY_WITHIN
        while True:
            try:
                answer = await self.once(said, where, known)
                break
            except Fault as fault:
                later = UNREADY.search(fault.message) is not None and clock.now() < ready_by
                if fault.code not in THROTTLED and not later:
                    raise CannotPlay(f"{where}: {name}: {fault.code}: {fault.message}") from fault
            await self._world.pass_time(AGAIN)
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
        try:
            return await self._world.call(service, rest, **filled)
        except Fault as fault:
            if fault.code in THROTTLED:
                self.throttled[name] += 1
            raise
