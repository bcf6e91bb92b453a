"""Pages of docs/ that are tours: their console blocks are run as written, and what they print compared."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.contract.test_readme import ROOT, environment
from tests.process import PlaneProcess

MARK = "-- the output of the next command --"
ID = re.compile(r"[0-9a-f]{16,}|\d{16,}")


def run_tour(page: str, plane: PlaneProcess, programs: Path, directory: Path | None = None) -> int:
    """Run docs/`page` from top to bottom, in that directory; returns how many commands it has.

    `programs` is the fixture of that name.
    """
    steps = commands((ROOT / "docs" / page).read_text())
    script = "".join(f"echo '{MARK}'\n{command}" for command, _ in steps)
    script = script.replace("http://127.0.0.1:4566", plane.endpoint)
    done = subprocess.run(
        ["sh", "-euc", script],
        capture_output=True,
        text=True,
        env=environment(plane, programs),
        cwd=directory,
        check=False,
    )
    outputs = done.stdout.split(MARK + "\n")[1:]
    for (command, printed), output in zip(steps, outputs, strict=False):
        assert re.fullmatch(pattern(printed), output), f"{command}\nprinted\n{output}\nnot\n{printed}"
    assert done.returncode == 0, done.stderr
    return len(steps)


def commands(page: str) -> list[tuple[str, str]]:
    """(command, what it prints) of the page's console blocks."""
    blocks = re.findall(r"<!-- tour:[^>]*-->\n```console\n(.*?)```", page, re.DOTALL)
    found = re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    return [(command.replace("\n> ", "\n"), printed) for command, printed in found]


def pattern(printed: str) -> str:
    """`...` is anything, on a line of its own any lines; ids are any ids."""
    literal = re.escape(ID.sub("\0", printed)).replace(r"\.\.\.", ".*").replace(".*\\\n", "(?:.*\n)*")
    return literal.replace("\0", "(?:[0-9a-f]{16,})")
