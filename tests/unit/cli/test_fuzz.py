"""`windlass fuzz`: what it prints, what it keeps, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.cli.fuzz import Tally, fuzz, tell
from windlass.sim.fuzz import kept_in
from windlass.sim.stories.telling import Script


def play(seed: int, script: Script) -> None:
    """Seed 3 fails, by its second step."""
    for number, deed in ((1, "create"), (2, "cut")):
        if script.only is None or number in script.only:
            script.told.append((number, deed))
    script.faults["link cut"] += 1
    if seed == 3 and (2, "cut") in script.told:
        raise AssertionError("lost")
    if seed == 5:
        raise KeyboardInterrupt


def test_what_fails_is_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made short, at the end of the file, where it is found the next time."""
    kept, tally = tmp_path / "seeds.txt", Tally()
    kept.write_text("# mine\n")
    tell({"services": play}, range(2, 5), tally, seeds_file=kept)
    with pytest.raises(SystemExit) as ended:
        tally.conclude()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert "services, seed 3: AssertionError: lost\n  step 2: cut\n" in out
    assert "3 stories (3 services), 1 failed; 3 faults:\n         3 link cut\n" in out
    assert "services: 3 of 3 told, 1 failed so far" in err
    assert kept.read_text() == "# mine\nservices 3 2:cut  # AssertionError: lost\n"
    [again] = kept_in(kept.read_text())
    assert (again.seed, again.steps, again.why) == (3, ((2, "cut"),), "AssertionError: lost")


def test_stopped_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    with pytest.raises(KeyboardInterrupt):
        tell({"services": play}, range(4, 9), tally)
    tally.conclude()
    assert "1 stories (1 services), 0 failed" in capsys.readouterr().out


def test_no_such_story(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fuzz(seeds=1, story="nonsense")
    assert ended.value.code == 2
    assert "no story 'nonsense'; there are services, batch" in capsys.readouterr().err
