"""Fixtures that every kind of test may use: a running plane, and clients of an account of one's own."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.process import PlaneProcess
from tests.warm import warm

# How long an example takes says something of the machine's other work, and nothing of the code.
settings.register_profile("windlass", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("windlass")

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak-s", type=float, default=6.0, help="seconds of each random run of tests/fault/test_soak.py"
    )
    parser.addoption(
        "--seeds", type=int, default=None, help="seeds of each test of random worlds in tests/sim"
    )
    parser.addoption(
        "--batch-children",
        type=int,
        default=1_000,
        help="children of the array of tests/fault/test_kill_batch.py",
    )


@pytest.fixture
def soak_s(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--soak-s"))


@pytest.fixture
def batch_children(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--batch-children"))


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    """One plane for all tests of this worker; each test has an account of its own on it."""
    running = PlaneProcess(tmp_path_factory.mktemp("plane") / "data", cold=True).start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert "crashed" not in running.errors.read_text()


@pytest.fixture
def endpoint(plane: PlaneProcess) -> str:
    return plane.endpoint


@pytest.fixture
def programs() -> Path:
    """A directory for PATH that has `aws` and `windlass`, warm (tests/warm.py)."""
    return warm().directory


@pytest.fixture
def account() -> str:
    """A 12-digit account that no other test uses."""
    worker = zlib.crc32(os.environ.get("PYTEST_XDIST_WORKER", "main").encode()) % 100_000
    return f"1{worker:05d}{next(_numbers):06d}"


@pytest.fixture
def client(plane: PlaneProcess, account: str) -> Callable[..., Any]:
    """`client("sqs")`: a boto3 client of the test's account, without retries."""

    def make(service: str, **config: Any) -> Any:
        return plane.client(service, account, **config)

    return make


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[Callable[..., PlaneProcess]]:
    """Planes that a test may kill: `own_plane("--profile", "aws")`; stopped afterwards, agents too."""
    made: list[PlaneProcess] = []

    def make(*options: str, data: Path | None = None, isolated: bool = False) -> PlaneProcess:
        made.append(PlaneProcess(data or tmp_path / f"plane{len(made)}", *options, isolated=isolated))
        return made[-1].start()

    yield make
    for running in made:
        if running.process is None:  # the test killed it: its agent still runs
            running.start()
        running.stop()
