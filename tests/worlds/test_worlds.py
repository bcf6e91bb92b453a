from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.worlds.script import parse, play, write

SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_world(path: Path) -> None:
    """The script's story comes out as written; with WINDLASS_RECORD=1 it is written anew."""
    blocks = parse(path.read_text())
    played = write(play(blocks))
    if os.environ.get("WINDLASS_RECORD"):
        path.write_text(played)
    assert played == path.read_text()
