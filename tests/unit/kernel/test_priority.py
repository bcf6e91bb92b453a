"""Keepers take a heavier share of the CPU where they may."""

from __future__ import annotations

from pathlib import Path

from windlass.kernel.priority import AUTOGROUP_NICE, go_first


def test_a_keeper_writes_its_weight(tmp_path: Path) -> None:
    file = tmp_path / "autogroup"
    go_first(file)
    assert file.read_text() == f"{AUTOGROUP_NICE}\n"


def test_without_the_right_nothing_happens(tmp_path: Path) -> None:
    go_first(tmp_path / "no" / "such" / "file")
