"""Pools of load balancers: of one whose targets change one by one, only what changed is made again."""

from __future__ import annotations

import pytest

from tests.sim.test_determined import SCENARIO
from windlass.planner.playing.play import play
from windlass.planner.scenario.reading import parse
from windlass.services.elbv2 import compile


def test_an_endpoint_is_made_again_for_its_own_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets register and turn healthy one after the other; so each pool is put often, and is long."""
    made = put = 0
    endpoint, pool = compile.endpoint, compile.pool

    def counted_endpoint(*args: object) -> object:
        nonlocal made
        made += 1
        return endpoint(*args)  # type: ignore[arg-type]

    def counted_pool(group: object, endpoints: object, *args: object, **how: object) -> object:
        nonlocal put
        found = pool(group, endpoints, *args, **how)  # type: ignore[arg-type]
        put += len(found.endpoints)
        return found

    monkeypatch.setattr(compile, "endpoint", counted_endpoint)
    monkeypatch.setattr(compile, "pool", counted_pool)
    scenario = parse(SCENARIO.replace("accounts: 2", "accounts: 1"), "x.yaml")
    played = play(scenario, 5)
    assert played.ended == "reached"
    assert 40 <= made < put / 2, (made, put)
