"""`windlass demo cold-start`: what a VPC costs a cold start, in the old model and the new one (seed 001).

A function scales out: each event finds all environments busy and needs a new one. In the old model every one
of them gets a network interface of its own while the event waits; since 2019 they share one, made with the
function. Played twice: for real on planes of this machine, and in virtual time with the delays of the profile
"aws".
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from windlass.aws.quotas import PROFILES, load_profile
from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.bars import columns
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.story import Story, verdict
from windlass.sim.cold_starts import PHASES, scale_out, with_model

ACCOUNT, REGION, NAME = "123456789012", "eu-west-1", "scale-out"
OLD, NEW = "per-environment", "hyperplane"
MODELS = (OLD, NEW)
EVERY_S, HOLD_S = 0.3, 3.0
"""How far apart events are, and how long each runs beyond the last one's arrival."""
SETTLES_S = 1.0
"""Between a function's creation and its first event: nodes have been told of its network by then."""
SEED = 1
PLOT_HEIGHT = 8
NETNS = "/proc/self/ns/net"
SOURCE = f"""
import os, time

def handler(event, context):
    time.sleep(event["hold"])
    return os.stat("{NETNS}").st_ino if os.path.exists("{NETNS}") else 0
"""
"""Says which network namespace it is in."""


@dataclass(frozen=True, slots=True)
class Run:
    """One scale-out: phases of each start in seconds, in the order of PHASES."""

    where: str
    model: str
    pending: float
    starts: Sequence[Sequence[float]]
    interfaces: int
    apart: bool = True
    """Whether its environments were in networks of their own."""
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.where}, {self.model}"

    @property
    def totals(self) -> list[float]:
        return [sum(phases) for phases in self.starts]

    def of(self, phase: str) -> list[float]:
        """That phase of each start."""
        return [phases[PHASES.index(phase)] for phases in self.starts]

    def middle(self, phase: str) -> float:
        """Its median."""
        return median(self.of(phase))


def run(runner: str, starts: int) -> int:
    """Play all of it; the exit code is 1 when something was not as promised."""
    story = Story()
    story.say(f"a function in a VPC gets {starts} events, each while all its environments are busy")
    here = [_here(story, model, runner, starts) for model in MODELS]
    real = all(one.apart for one in here)
    if not real:
        story.say("without root on Linux this machine has no networks for it: only rows of interfaces differ")
    there = [_in_virtual_time(story, model, starts) for model in MODELS]
    _judge(here, there, starts, real=real)
    if real:
        _plot("the way into the VPC, on this machine", [(one.model, one.of("network")) for one in here])
    _plot("whole cold starts, AWS's delays", [(one.model, one.totals) for one in there])
    return _report([*here, *there])


def _here(story: Story, model: str, runner: str, starts: int) -> Run:
    """On a real plane of this machine, with real processes and, as root, real networks."""
    with tempfile.TemporaryDirectory(prefix="windlass-demo-") as scratch:
        profile = _profile(Path(scratch), model)
        with own_plane(runner, lambda data: None, "--profile", str(profile)) as (endpoint, _):
            aws = aws_client("lambda", endpoint, ACCOUNT, REGION)
            ec2 = aws_client("ec2", endpoint, ACCOUNT, REGION)
            pending = _create(aws, ec2)
            time.sleep(SETTLES_S)
            interfaces, apart = _scale_out(aws, ec2, starts)
            [function] = AdminClient(endpoint).get("cold-starts", function=NAME)["functions"]
    found = sorted(function["cold_starts"], key=lambda start: start["at"])
    phases = [[start["phases_s"][phase] for phase in PHASES] for start in found]
    done = Run("here", model, pending, phases, interfaces, apart)
    middle, way = median(done.totals) * 1000, done.middle("network") * 1000
    story.say(f"here, {model}: {middle:.1f} ms a cold start, {way:.2f} ms of it for the way into the VPC")
    return done


def _create(aws: Any, ec2: Any) -> float:
    """The function, in the account's default VPC; returns how many seconds it was Pending."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", SOURCE)
    began = time.monotonic()
    aws.create_function(
        FunctionName=NAME,
        Runtime="python{}.{}".format(*sys.version_info),
        Role=f"arn:aws:iam::{ACCOUNT}:role/demo",
        Handler="app.handler",
        Timeout=900,
        Code={"ZipFile": package.getvalue()},
        VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group]},
    )
    while aws.get_function(FunctionName=NAME)["Configuration"]["State"] == "Pending":
        time.sleep(0.01)
    return time.monotonic() - began


def _scale_out(aws: Any, ec2: Any, starts: int) -> tuple[int, bool]:
    """All events; how many interfaces Lambda had meanwhile, and whether none was in the host's network."""

    def event(number: int) -> int:
        hold = (starts - number) * EVERY_S + HOLD_S
        answer = aws.invoke(FunctionName=NAME, Payload=json.dumps({"hold": hold}))
        if "FunctionError" in answer:
            raise RuntimeError(answer["Payload"].read().decode())
        return int(answer["Payload"].read())

    with ThreadPoolExecutor(starts) as pool:
        running = []
        for number in range(starts):
            running.append(pool.submit(event, number))
            time.sleep(EVERY_S)
        time.sleep(1)
        filters = [{"Name": "interface-type", "Values": ["lambda"]}]
        interfaces = len(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])
        namespaces = {one.result() for one in running}
    home = Path(NETNS).stat().st_ino if Path(NETNS).exists() else 0
    return interfaces, home not in namespaces


def _profile(directory: Path, model: str) -> Path:
    """The profile "local" with that model."""
    file = directory / "profile.toml"
    file.write_text((PROFILES / "local.toml").read_text().replace(f'value = "{NEW}"', f'value = "{model}"'))
    return file


def _in_virtual_time(story: Story, model: str, starts: int) -> Run:
    played = scale_out(with_model(load_profile("aws"), model), starts=starts, every_s=1.0, seed=SEED)
    done = Run("AWS", model, played.pending, played.starts, played.interfaces)
    middle = median(done.totals)
    story.say(f"AWS's delays, {model}: Pending for {done.pending:.0f} s, {middle:.2f} s a cold start")
    return done


def _judge(here: Sequence[Run], there: Sequence[Run], starts: int, *, real: bool) -> None:
    """What seed 001 promises of the two models."""
    for old, new in (here, there):
        for one, interfaces in ((old, starts), (new, 1)):
            if len(one.starts) != starts:
                one.problems.append(f"{len(one.starts)} cold starts were recorded, not {starts}")
            if one.interfaces != interfaces:
                one.problems.append(f"Lambda had {one.interfaces} interfaces, not {interfaces}")
        if (real or new in there) and new.middle("network") >= old.middle("network"):
            new.problems.append("its way into the VPC takes no less time than in the old model")
    old, new = there
    if not 7 <= old.middle("network") <= 11:
        old.problems.append(f"an interface took {old.middle('network'):.1f} s, not 8 to 10")
    if not 89 <= new.pending <= 95:
        new.problems.append(f"it was Pending for {new.pending:.0f} s, not about 90")


def _plot(title: str, runs: Sequence[tuple[str, Sequence[float]]]) -> None:
    """A column for each cold start, one after the other: the old model's, then the new one's."""
    most = max(value for _, found in runs for value in found)
    print(f"\n{title}: {' | '.join(model for model, _ in runs)}, {_span(most)} at the top")
    parts = [columns([*found, most], PLOT_HEIGHT) for _, found in runs]
    for lines in zip(*parts, strict=True):
        print("  │" + " │ ".join(line[:-1] for line in lines))
    print("  └" + "─" * (sum(len(found) for _, found in runs) + 3))


def _span(took: float) -> str:
    return f"{took:.1f} s" if took >= 1 else f"{took * 1000:.1f} ms"


def _report(runs: Sequence[Run]) -> int:
    """The table that the story ends with, a column for each run: medians; returns the exit code."""
    lines: list[tuple[str, Callable[[Run], str]]] = [("Pending", lambda one: f"{one.pending * 1000:.0f}")]
    lines += [(phase, partial(_middle, phase)) for phase in PHASES]
    lines += [
        ("cold start", lambda one: _took(median(one.totals))),
        ("interfaces", lambda one: str(one.interfaces)),
        ("as promised", lambda one: "no" if one.problems else "yes"),
    ]
    print()
    rows = [[name, *(show(one) for one in runs)] for name, show in lines]
    problems: Mapping[str, Sequence[str]] = {one.name: one.problems for one in runs}
    return verdict(("medians, ms", *(one.name for one in runs)), rows, problems)


def _middle(phase: str, one: Run) -> str:
    return _took(one.middle(phase))


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
