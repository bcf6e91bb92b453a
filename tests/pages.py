"""`python -m tests.pages [PAGE …]`: run the planner's pages, and write anew what their commands print.

Without names docs/planner.md and all of docs/planner/. What they say in words is not touched: read it
against the new numbers.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.contract.test_readme import ROOT
from tests.tour import MARK, commands, rewritten, run

MARKS = ("<!-- figures: ", "tests/contract/test_planner_tour.py")
"""What a page says whose commands are run here."""
PAGES = [
    page
    for page in [ROOT / "docs" / "planner.md", *sorted((ROOT / "docs" / "planner").glob("*.md"))]
    if any(mark in page.read_text() for mark in MARKS)
]
KINDS = ("tour", "figures")


def main(names: list[str]) -> int:
    pages = [Path(name) for name in names] or PAGES
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "windlass"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m windlass "$@"\n')
        program.chmod(0o755)
        env = {**os.environ, "PATH": f"{scratch}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
        for page in pages:
            text = page.read_text()
            script = "".join(f"echo '{MARK}'\n{command}" for command, _ in commands(text, KINDS))
            done, outputs = run(script, env, ROOT)
            if done.returncode or done.stderr:  # a pipe hides what failed before it
                print(f"{page}: {done.stderr}", file=sys.stderr)
                return 1
            page.write_text(rewritten(text, outputs))
            print(page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
