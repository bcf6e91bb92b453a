"""`windlass plan`: scenarios in virtual time. No plane is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from windlass.cli import live
from windlass.cli.output import fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windlass.planner.results.outcome import Outcome
    from windlass.planner.scenario.model import Scenario


def plan(
    scenario: Annotated[
        Path | None, typer.Argument(help="A scenario's YAML file, or a folder of some.", show_default=False)
    ] = None,
    to_json: Annotated[Path | None, typer.Option("--json", help="Write results there, as JSON.")] = None,
    to_html: Annotated[Path | None, typer.Option("--html", help="Write a report with charts there.")] = None,
    seed: Annotated[int | None, typer.Option(help="The first seed.", min=0)] = None,
    runs: Annotated[int | None, typer.Option(help="How many seeds.", min=1, max=1_000)] = None,
    sweep: Annotated[
        list[str] | None, typer.Option(help="quota.NAME=20,50,100; delay.NAME=…; /json/pointer=…")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two scenarios, side by side.", show_default=False)
    ] = None,
    why: Annotated[bool, typer.Option(help="Look for the bottleneck: some more runs.")] = True,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell where the computer's time goes, instead of results.")
    ] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of scenarios.")] = False,
    from_live: Annotated[
        bool, typer.Option("--from-live", help="Print a scenario of what an account or a plane has.")
    ] = False,
    endpoint_url: live.EndpointUrl = None,
    profile_name: live.ProfileName = None,
    region: live.Region = None,
    with_environment: live.WithEnvironment = False,
    with_traffic: live.WithTraffic = False,
) -> None:
    """Predict what would happen: the plane's own code in virtual time, with AWS's quotas and delays."""
    from windlass.planner.planning import outcome_of
    from windlass.planner.playing.changes import CannotPlay
    from windlass.planner.scenario import reading

    if live.asked(from_live, endpoint_url, profile_name, region, with_environment, with_traffic):
        return
    if schema:
        _print_schema()
        return
    _check_room(to_json, to_html)
    broken: list[str] = []
    try:
        scenarios, single = _meant(scenario, compare, sweep or [], broken)
    except reading.BadScenario as error:
        fail(str(error), 2)
    if profile:
        _profile(scenarios, seed)
        return
    outcomes: list[Outcome] = []
    for one in scenarios:
        try:
            outcomes.append(outcome_of(one, seed=seed, runs=runs, why=why, tell=_tell))
        except CannotPlay as error:
            broken.append(f"{one.name}: {error}")
            if scenario is None or not scenario.is_dir():
                _tell("")
                fail(broken[0], 2)
    _tell("")
    if outcomes:
        _give(outcomes, single, compare or (scenario or Path(),), to_json, to_html)
    _tell_broken(broken)


def _print_schema() -> None:
    from windlass.planner.scenario.schema import schema

    print(json.dumps(schema(), indent=2))


def _give(
    outcomes: list[Outcome], single: bool, paths: tuple[Path, ...], to_json: Path | None, to_html: Path | None
) -> None:
    """As text, and as what else was asked for. `paths`: the scenario's, or the two that are compared."""
    from windlass.planner.results.report import report, side_by_side
    from windlass.planner.results.result_json import result_json

    if to_json != Path("/dev/stdout"):
        print("\n".join(_told(outcomes, single, len(paths) > 1)))
    if to_html is not None:
        title = f"Plan: {' and '.join(path.stem for path in paths)}"
        page = report(outcomes, title) if len(paths) == 1 else side_by_side(outcomes[0], outcomes[1], title)
        _write(to_html, page)
    if to_json is not None:
        found = [result_json(one) for one in outcomes]
        _write(to_json, json.dumps(found[0] if single else found, indent=2) + "\n")


def _told(outcomes: list[Outcome], single: bool, compared: bool) -> Iterator[str]:
    """What is printed, line by line."""
    from windlass.planner.results import text

    if compared:
        return text.comparison(outcomes[0], outcomes[1])
    return text.summary(outcomes[0]) if single else text.table(outcomes)


def _tell_broken(broken: list[str]) -> None:
    """What of a folder was not played: the end, if there is any."""
    if broken:
        fail("\nwindlass: ".join(broken))


def _tell(said: str) -> None:
    """On a terminal, what is played now: in the place of what was told before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{''.join(filter(str.isprintable, said))[:70]}", end="", file=sys.stderr, flush=True)


def _profile(scenarios: list[Scenario], seed: int | None) -> None:
    """Print where the time of one run goes."""
    from windlass.cli.profiling import profiled
    from windlass.planner.playing.changes import CannotPlay

    if len(scenarios) != 1:
        fail("--profile takes one scenario", 2)
    [scenario] = scenarios
    try:
        for line in profiled(scenario, scenario.seed if seed is None else seed):
            print(line)
    except CannotPlay as error:
        fail(f"{scenario.name}: {error}", 2)


def _check_room(*paths: Path | None) -> None:
    """A long run should not end with what could have been said before it."""
    for path in paths:
        if path is not None and path.is_dir():
            fail(f"{path}: this is a folder, and no file can be written there", 2)
        if path is not None and not path.parent.is_dir():
            fail(f"{path}: there is no folder {path.parent}", 2)


def _write(path: Path, text: str) -> None:
    """A file for the user, or the end with why there is none."""
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def _meant(
    scenario: Path | None, compare: tuple[Path, Path] | None, sweeps: list[str], broken: list[str]
) -> tuple[list[Scenario], bool]:
    """The scenarios that are meant, and whether it is one alone. Raises BadScenario.

    `broken` is told why files of a folder are none: the others are played all the same.
    """
    from windlass.planner.scenario import reading, sweep

    if compare is not None:
        if scenario is not None or sweeps:
            fail("--compare takes two scenarios, and nothing beside them", 2)
        return _told_apart([(path, reading.read(path)) for path in compare]), False
    if scenario is None:
        fail("which scenario? windlass plan FILE, or --compare FILE FILE", 2)
    if scenario.is_dir() and not sweeps:
        return list(_of_folder(scenario, broken)), False
    if not sweeps:
        return [reading.read(scenario)], True
    if scenario.is_dir():
        fail("--sweep takes one scenario, not a folder", 2)
    try:
        return reading.swept(scenario, [sweep.read(one) for one in sweeps]), False
    except sweep.BadSweep as error:
        raise reading.BadScenario(str(error)) from error


def _of_folder(folder: Path, broken: list[str]) -> Iterator[Scenario]:
    """The scenarios in it; `broken` is told of the others. Raises BadScenario when there are no files."""
    from windlass.planner.scenario import reading

    for path in reading.files(folder):
        try:
            yield reading.read(path)
        except reading.BadScenario as error:
            broken.append(str(error))


def _told_apart(read: list[tuple[Path, Scenario]]) -> list[Scenario]:
    """Scenarios of the same name, as copies of a file are, with the names of their files."""
    if len({scenario.name for _, scenario in read}) == len(read):
        return [scenario for _, scenario in read]
    from msgspec.structs import replace

    return [replace(scenario, name=f"{scenario.name} ({path.stem})") for path, scenario in read]
