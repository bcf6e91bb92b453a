"""`windlass calibrate`: files in, a profile out, and one line for what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.contract.test_readme import ROOT
from windlass.cli.calibrate import calibrate

TIMINGS = ROOT / "scenarios" / "timings" / "fargate.csv"
HEAD = "createdAt,startedAt,launchType\n"


def test_several_files_and_a_size_for_those_that_tell_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that a spreadsheet wrote may begin with a byte order mark."""
    lines = TIMINGS.read_text().splitlines(keepends=True)
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + "".join(lines[:41]).encode())
    unsized = [line.replace(",60,", ",,").replace(",400,", ",,") for line in lines[41:]]
    (tmp_path / "b.csv").write_text(lines[0] + "".join(unsized))
    out = tmp_path / "mine.toml"
    calibrate([tmp_path / "a.csv", tmp_path / "b.csv"], "aws-2022", out, 250)
    assert capsys.readouterr().out.startswith("fitted to a.csv, b.csv, on top of the profile aws-2022:")
    read = tomllib.loads(out.read_text())
    assert read["extends"] == "aws-2022" and "80 tasks" in read["delays"]["task.pull"]["source"]


@pytest.mark.parametrize(
    ("text", "profile", "said"),
    [
        (HEAD + "1,0,EC2\n", "aws", "t.csv:2: startedAt is 1 s before createdAt"),
        (HEAD + "1,2,EC2\n", "aws", "too few timings"),
        (
            HEAD,
            "mine.toml",
            "a calibration extends a built-in profile: local, aws, aws-2022, not 'mine.toml'",
        ),
        (None, "aws", "the timings cannot be read"),
        (b"\xff\xfe", "aws", "the timings cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(
    text: str | bytes | None, profile: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SystemExit) as ended:
        calibrate([path], profile, None, None)
    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and told.count("\n") == 1
