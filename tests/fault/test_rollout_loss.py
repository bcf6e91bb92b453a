"""Roll-outs under load lose no request: real tasks, real proxy. The long run is bench/rollout_loss.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process import PlaneProcess
from tests.rollout import ACCOUNT, Load, Web

CLIENTS, SLOW = 4, 2
AT_LEAST = 1_000
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[PlaneProcess]:
    made = PlaneProcess(tmp_path / "data").start()
    yield made
    made.stop()


@pytest.mark.parametrize("configuration", [{}, BLUE_GREEN], ids=["rolling", "blue-green"])
def test_no_request_is_lost(plane: PlaneProcess, configuration: Any) -> None:
    """Every request is answered while the tasks are exchanged, by one version or the other."""
    web = Web(lambda service: plane.client(service, ACCOUNT))
    web.create(2, **configuration)
    load = Load(web.address)
    asyncio.run(load.during(lambda: web.update("2"), clients=CLIENTS, slow=SLOW, at_least=AT_LEAST))
    web.delete()
    assert load.lost == []
    assert set(load.answered) == {"1", "2"} and load.answered.total() >= AT_LEAST
