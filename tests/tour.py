"""Pages of docs/ that are tours: their console blocks are run as written, and what they print compared.

What a prediction comes to moves a little when the plane's code changes: such pages are compared with their
numbers `within` a share of what they say. `python -m tests.pages` writes anew what their commands print.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.contract.test_readme import ROOT, environment
from tests.process import PlaneProcess

MARK = "-- the output of the next command --"
ID = re.compile(r"[0-9a-f]{16,}|\d{16,}")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
LEAST = 0.05
"""Numbers that are that near to each other are the same, if anything may differ."""
BLOCK = re.compile(r"(<!-- (tour|figures):[^>]*-->\n```console\n)(.*?)(```)", re.DOTALL)
"""Figures take too long for a test; what tests run are tours."""
STEP = re.compile(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)


def run_tour(
    page: str, plane: PlaneProcess, programs: Path, directory: Path | None = None, within: float = 0.0
) -> int:
    """Run docs/`page` from top to bottom, in that directory; returns how many commands it has.

    `programs` is the fixture of that name; `within`: 0.1, if numbers may be off by ten percent.
    """
    steps = commands((ROOT / "docs" / page).read_text())
    script = "".join(f"echo '{MARK}'\n{command}" for command, _ in steps)
    done, outputs = run(
        script.replace("http://127.0.0.1:4566", plane.endpoint), environment(plane, programs), directory
    )
    for (command, printed), output in zip(steps, outputs, strict=False):
        assert agrees(printed, output, within), f"{command}\nprinted\n{output}\nnot\n{printed}"
    assert done.returncode == 0, done.stderr
    return len(steps)


def run(
    script: str, env: Mapping[str, str], directory: Path | None
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What each of its commands printed."""
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, env=env, cwd=directory, check=False
    )
    return done, done.stdout.split(MARK + "\n")[1:]


def commands(page: str, kinds: Sequence[str] = ("tour",)) -> list[tuple[str, str]]:
    """(command, what it prints) of the page's console blocks of these kinds."""
    found = STEP.findall("".join(block[2] for block in BLOCK.findall(page) if block[1] in kinds))
    return [(command.replace("\n> ", "\n"), printed) for command, printed in found]


def rewritten(page: str, outputs: list[str]) -> str:
    """The page with these outputs of its commands."""
    left = iter(outputs)

    def step(found: re.Match[str]) -> str:
        return f"$ {found[1]}{next(left)}"

    return BLOCK.sub(lambda found: f"{found[1]}{STEP.sub(step, found[3])}{found[4]}", page)


def agrees(printed: str, output: str, within: float = 0.0) -> bool:
    """Whether a command's output is what the page says, but for its ids and for `...`.

    `within` a share: numbers may be off by as much, and nothing else may differ.
    """
    if not within:
        return re.fullmatch(pattern(printed), output) is not None
    said, found = _words(printed), _words(output)
    return NUMBER.sub("0", said) == NUMBER.sub("0", found) and all(
        _near(_value(one), _value(other), within)
        for one, other in zip(NUMBER.findall(said), NUMBER.findall(found), strict=True)
    )


def _words(text: str) -> str:
    """Without ids, and without what another width of a number moves: spaces and ends of lines."""
    return " ".join(ID.sub("id", text).split())


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _near(said: float, found: float, within: float) -> bool:
    return abs(said - found) <= max(LEAST, within * max(said, found))


def pattern(printed: str) -> str:
    """`...` is anything, on a line of its own any lines; ids are any ids."""
    literal = re.escape(ID.sub("\0", printed)).replace(r"\.\.\.", ".*").replace(".*\\\n", "(?:.*\n)*")
    return literal.replace("\0", "(?:[0-9a-f]{16,})")
