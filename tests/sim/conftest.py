"""Gives tests of random worlds their seeds."""

from __future__ import annotations

import pytest

from tests.sim import seeds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "story_seed" in metafunc.fixturenames:
        metafunc.parametrize("story_seed", seeds.of(metafunc.function, metafunc.config.getoption("--seeds")))
