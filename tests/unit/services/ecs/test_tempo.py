"""Launches, starts and stops in each of the last seconds."""

from __future__ import annotations

from tests.build import ACCOUNT, REGION, SetClock
from tests.ecs_build import Ecs, a_task, with_ecs
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.tempo import SECONDS_KEPT, Tempo


def test_each_second_has_its_counts() -> None:
    """1. Two launched. 2. One runs. 3. It stops. 4. A minute later all is past."""

    async def scenario(ecs: Ecs) -> None:
        clock: SetClock = ecs.clock
        store = ecs.plane.store
        tempo = Tempo(store, clock)

        def put(**members: object) -> None:
            with store.transact() as tx:
                tx[TASKS].put(replace(a_task("t1"), **members))

        put()
        with store.transact() as tx:
            tx[TASKS].put(replace(a_task("t2"), cluster="other"))
        clock.time += SECOND
        put(started_at=1, last_status="RUNNING")
        clock.time += SECOND
        put(started_at=1, last_status="STOPPED")
        clock.time += SECOND
        assert tempo.history()[-3:] == [[2, 0, 0], [0, 1, 0], [0, 0, 1]]
        assert tempo.history((ACCOUNT, REGION, "other"))[-3:] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
        clock.time += SECONDS_KEPT * SECOND
        assert not any(map(any, tempo.history()))

    with_ecs(scenario)
