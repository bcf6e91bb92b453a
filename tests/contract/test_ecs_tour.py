"""docs/ecs.md, run as it is written: every command, and what it prints."""

from __future__ import annotations

import re
import subprocess

from tests.contract.test_readme import ROOT, environment
from tests.process import PlaneProcess

MARK = "-- the output of the next command --"
ID = re.compile(r"[0-9a-f]{16,}|\d{16,}")


def commands(page: str) -> list[tuple[str, str]]:
    """(command, what it prints) of the page's console blocks."""
    blocks = re.findall(r"<!-- tour:[^>]*-->\n```console\n(.*?)```", page, re.DOTALL)
    found = re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    return [(command.replace("\n> ", "\n"), printed) for command, printed in found]


def pattern(printed: str) -> str:
    """`...` is anything, on a line of its own any lines; ids are any ids."""
    literal = re.escape(ID.sub("ID", printed)).replace(r"\.\.\.", ".*").replace(".*\\\n", "(?:.*\n)*")
    return literal.replace("ID", "(?:[0-9a-f]{16,})")


def test_the_tour(plane: PlaneProcess) -> None:
    steps = commands((ROOT / "docs" / "ecs.md").read_text())
    assert len(steps) > 30
    script = "".join(f"echo '{MARK}'\n{command}" for command, _ in steps)
    script = script.replace("http://127.0.0.1:4566", plane.endpoint)
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, env=environment(plane), check=False
    )
    outputs = done.stdout.split(MARK + "\n")[1:]
    for (command, printed), output in zip(steps, outputs, strict=False):
        assert re.fullmatch(pattern(printed), output), f"{command}\nprinted\n{output}\nnot\n{printed}"
    assert done.returncode == 0, done.stderr
