"""`windlass plan`: scenarios in virtual time. No plane is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from windlass.cli.output import fail


def plan(
    scenario: Annotated[Path, typer.Argument(help="A scenario's YAML file, or a folder of some.")],
    to_json: Annotated[Path | None, typer.Option("--json", help="Write results there, as JSON.")] = None,
    to_html: Annotated[Path | None, typer.Option("--html", help="Write a report with charts there.")] = None,
    seed: Annotated[int | None, typer.Option(help="The first seed.", min=0)] = None,
    runs: Annotated[int | None, typer.Option(help="How many seeds.", min=1, max=1_000)] = None,
    why: Annotated[bool, typer.Option(help="Look for the bottleneck: some more runs.")] = True,
) -> None:
    """Predict what would happen: the plane's own code in virtual time, with AWS's quotas and delays."""
    from windlass.planner import text
    from windlass.planner.planning import outcome_of
    from windlass.planner.play import CannotPlay
    from windlass.planner.reading import BadScenario, files, read
    from windlass.planner.report import report

    outcomes = []
    try:
        scenarios = [read(path) for path in files(scenario)]
        for one in scenarios:
            outcomes.append(outcome_of(one, seed=seed, runs=runs, why=why))
            if len(scenarios) > 1 and sys.stderr.isatty():
                print(f"{one.name} …", file=sys.stderr)
    except (BadScenario, CannotPlay) as error:
        fail(str(error), 2)
    lines = text.table(outcomes) if scenario.is_dir() else text.summary(outcomes[0])
    if to_json is None or to_json != Path("/dev/stdout"):
        print("\n".join(lines))
    if to_html is not None:
        to_html.write_text(report(outcomes, f"Plan: {scenario.stem}"))
    if to_json is not None:
        found = [one.as_json() for one in outcomes]
        to_json.write_text(json.dumps(found if scenario.is_dir() else found[0], indent=2) + "\n")
