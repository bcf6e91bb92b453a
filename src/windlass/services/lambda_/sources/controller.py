"""The loop that takes event source mappings where their callers want them, and holds their pollers.

Writes `Mapping.state` where a change ends (Enabled, Disabled) and deletes mappings. A mapping that is
switched off or deleted is so when its last batch is through; after a restart none runs, so it is at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import partial

from windlass.kernel.clock import MINUTE, Instant, seconds
from windlass.kernel.ids import Ids
from windlass.kernel.machine import move
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change
from windlass.services.lambda_.invoke import Invoker
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.model import ALIASES, FUNCTIONS, VERSIONS
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping
from windlass.services.lambda_.sources.pollers import PollerGroup
from windlass.services.lambda_.sources.transitions import MAPPING_MOVES, SETTLED
from windlass.services.plane import Plane


class Sources:
    """All event source mappings of a plane; `start` runs them."""

    def __init__(self, plane: Plane, invoker: Invoker, measuring: Measuring) -> None:
        self._plane = plane
        self._invoker = invoker
        self._measuring = measuring
        self._ids = Ids(plane.chance.stream("lambda.mapping"))
        self._groups: dict[str, PollerGroup] = {}
        self._after = seconds(plane.quotas.delay_s("lambda.mapping_change"))
        self._loop = Loop("lambda.mappings", plane.clock, plane.journal, self._pass, period=MINUTE)
        plane.store.watch((MAPPINGS,), self._on_mapping)
        plane.store.watch((FUNCTIONS,), self._on_function)
        plane.store.watch((VERSIONS, ALIASES), self._on_qualifier)

    def start(self) -> None:
        self._plane.spawn.start("lambda.mappings", self._loop.run())

    def last_result(self, uuid: str) -> str:
        """What came of the mapping's last batch; empty when there was none since it was switched on."""
        group = self._groups.get(uuid)
        return "" if group is None else group.last_result

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store[MAPPINGS]
        uuids = sorted({str(key) for key in keys}) if keys else [*self._groups, *_uuids(store.all())]
        later: list[Instant] = []
        for uuid in dict.fromkeys(uuids):
            mapping = store.get(uuid)
            due = 0 if mapping is None or mapping.state in SETTLED else mapping.last_modified + self._after
            if now < due:
                later.append(due)
            if mapping is not None and mapping.enabled and mapping.state != "Deleting":
                if now >= due:
                    self._poll(mapping, now)
            elif self._close(uuid) and mapping is not None and now >= due:
                self._settle(mapping, "closed", now)
        return min(later, default=None)

    def _poll(self, mapping: Mapping, now: Instant) -> None:
        """Have it polled as its row says."""
        group = self._groups.get(mapping.uuid)
        if group is None or group.closed:
            self._groups[mapping.uuid] = self._open(mapping)
        else:
            group.change(mapping)
        self._settle(mapping, "opened", now)

    def _close(self, uuid: str) -> bool:
        """Have it not polled; whether its last batch is through."""
        group = self._groups.get(uuid)
        if group is not None and group.running:
            group.close()
            return False
        self._groups.pop(uuid, None)
        return True

    def _open(self, mapping: Mapping) -> PollerGroup:
        ended = partial(self._loop.wake, mapping.uuid)
        return PollerGroup(self._plane, self._invoker, self._measuring, self._ids, mapping, ended)

    def _settle(self, mapping: Mapping, event: str, now: Instant) -> None:
        if mapping.state in SETTLED:
            return
        with self._plane.store.transact() as tx:
            if tx[MAPPINGS].get(mapping.uuid) != mapping:
                return  # changed meanwhile: that woke the loop again
            if mapping.state == "Deleting":
                tx[MAPPINGS].delete(mapping.uuid)
                return
            state = move(MAPPING_MOVES, mapping.state, event, mapping)
            tx[MAPPINGS].put(replace(mapping, state=state, last_modified=now))

    def _on_mapping(self, change: Change) -> None:
        self._loop.wake(change.key)

    def _on_function(self, change: Change) -> None:
        self._wake((change.new or change.old).key)

    def _on_qualifier(self, change: Change) -> None:
        row = change.new or change.old
        self._wake((row.account, row.region, row.function))

    def _wake(self, function: tuple[str, str, str]) -> None:
        for mapping in self._plane.store[MAPPINGS].by("function", function):
            group = self._groups.get(mapping.uuid)
            if group is not None:
                group.wake()


def _uuids(mappings: Iterable[Mapping]) -> list[str]:
    return sorted(mapping.uuid for mapping in mappings)
