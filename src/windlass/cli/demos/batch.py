"""`windlass demo batch`: a film is rendered on AWS Batch, for real, from files to a file.

A pipeline: split → an array of a job for each frame → merge, which waits for the whole array → report. One
frame fails twice and is tried again by its exit code, a job beside hangs and times out, a small queue of
higher priority overtakes the big one on the same environment. What ran at any time is computed from the
attempts' own timestamps; how well the vCPU cap was used is the plane's account of what it had placed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from windlass.aws.quotas import PROFILES
from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.demos.batch_bars import Bars
from windlass.cli.demos.batch_film import PER_SECOND, TRY_AGAIN
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.story import Story, verdict
from windlass.cli.output import fail

ACCOUNT, REGION = "123456789012", "eu-west-1"
ENVIRONMENT, BULK, URGENT = "farm", "bulk", "urgent"
VCPUS, VCPUS_OF_ONE = 2, 0.25
"""The environment's cap, and what an attempt takes of it."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/render"
PREVIEWS = 4
OVERTAKE_AT = 0.3
"""The urgent jobs come when so much of the array is done."""
TIMEOUT_S = 2
TIMED_OUT = "Job attempt duration exceeded timeout"
IN_USE_MIN = 0.9
"""Share of the cap that must be in use while work waits."""
PROGRAM = Path(__file__).with_name("batch_film.py")
WITHIN_S = 600
PERIOD_S = 0.1
ENDED = ("SUCCEEDED", "FAILED")
Overview = dict[str, Any]
Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the environment while the array ran; times in seconds."""

    at: float
    waiting: int
    """Frames that waited for a place."""
    used: float
    """vCPUs in use."""
    used_for: float
    """vCPU seconds that were in use since the plane began."""


@dataclass(slots=True)
class Act:
    """What came of one promise."""

    name: str
    jobs: int
    seconds: float
    notes: str
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Show:
    """All that happened, when it is over."""

    jobs: dict[str, Job]
    """By name, as DescribeJobs shows them."""
    frames: list[Job]
    previews: list[Job]
    samples: list[Sample]


class Stage:
    """The demo's resources on one plane, and its story."""

    def __init__(self, endpoint: str, film: Path, frames: int) -> None:
        self.say = Story().say
        self.admin = AdminClient(endpoint)
        self.batch: Any = aws_client("batch", endpoint, ACCOUNT, REGION)
        self.ec2: Any = aws_client("ec2", endpoint, ACCOUNT, REGION)
        self.film, self.frames, self.unlucky = film, frames, frames // 3
        for name in ("scenes", "frames"):
            (film / name).mkdir(parents=True)

    def build(self) -> None:
        """Environment, two queues and a job definition for every step."""
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = self.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
        resources = {"type": "FARGATE", "maxvCpus": VCPUS, "subnets": [subnet], "securityGroupIds": [group]}
        self.batch.create_compute_environment(
            computeEnvironmentName=ENVIRONMENT, type="MANAGED", computeResources=resources
        )
        described = self.batch.describe_compute_environments
        self.until_valid(lambda: described(computeEnvironments=[ENVIRONMENT])["computeEnvironments"])
        for name, priority in ((URGENT, 100), (BULK, 1)):
            order = [{"order": 1, "computeEnvironment": ENVIRONMENT}]
            self.batch.create_job_queue(jobQueueName=name, priority=priority, computeEnvironmentOrder=order)
        self.until_valid(lambda: self.batch.describe_job_queues(jobQueues=[URGENT, BULK])["jobQueues"])
        self.batch.register_job_definition(
            jobDefinitionName="film",
            type="container",
            platformCapabilities=["FARGATE"],
            parameters={"frames": str(self.frames), "unlucky": str(self.unlucky)},
            retryStrategy={
                "attempts": 3,
                "evaluateOnExit": [
                    {"onExitCode": str(TRY_AGAIN), "action": "RETRY"},
                    {"onExitCode": "*", "action": "EXIT"},
                ],
            },
            containerProperties={
                "image": "python",
                "command": [
                    *(sys.executable, "-I", "-S", str(PROGRAM)),
                    *("Ref::step", str(self.film), "Ref::frames", "Ref::unlucky"),
                ],
                "executionRoleArn": ROLE,
                "resourceRequirements": [
                    {"type": "VCPU", "value": str(VCPUS_OF_ONE)},
                    {"type": "MEMORY", "value": "512"},
                ],
            },
        )

    def until_valid(self, rows: Any) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not all(row["status"] == "VALID" for row in rows()):
            if time.monotonic() > deadline:
                raise SystemExit(f"no environment or queue within {WITHIN_S} s")
            time.sleep(PERIOD_S / 10)

    def submit(self, step: str, queue: str = BULK, after: str = "", **more: Any) -> str:
        """Submit the job of that step; returns its id."""
        answer = self.batch.submit_job(
            jobName=step,
            jobQueue=queue,
            jobDefinition="film",
            parameters={"step": step},
            dependsOn=[{"jobId": after}] if after else [],
            **more,
        )
        return str(answer["jobId"])

    def described(self, ids: Sequence[str]) -> list[Job]:
        found: list[Job] = []
        for start in range(0, len(ids), 100):
            found += self.batch.describe_jobs(jobs=list(ids[start : start + 100]))["jobs"]
        return found


def run(runner: str, frames: int = 500) -> int:
    """Tell the story; returns the exit code: 1 if anything was not as promised."""
    if runner not in ("auto", "process"):
        fail(
            f"demo batch has no way to give a Fargate job this host's files under the runner {runner}; "
            "leave --runner out",
            2,
        )
    print(f"A film of {frames} frames, rendered on {VCPUS} vCPUs\n")
    with (
        tempfile.TemporaryDirectory(prefix="windlass-film-") as made,
        own_plane(runner, lambda data: None, "--profile", str(profile(Path(made)))) as (endpoint, _),
    ):
        stage = Stage(endpoint, Path(made) / "film", frames)
        stage.say(f"a plane of our own runs on {endpoint}; timeouts may be as short as {TIMEOUT_S} s on it")
        stage.build()
        stage.say(
            f"environment {ENVIRONMENT} has {VCPUS} vCPUs for two queues: {BULK} (priority 1), {URGENT} (100)"
        )
        show = play(stage)
        acts = [pipeline(stage, show), cap(show), retried(stage, show), timed_out(show), overtaken(show)]
    print()
    return report(acts)


def profile(directory: Path) -> Path:
    """The profile `local`, but with timeouts shorter than the 60 s that AWS demands: who would watch that?"""
    written = directory / "demo.toml"
    name = '"batch.timeout_min_s" = { value = '
    local = (PROFILES / "local.toml").read_text()
    before, _, rest = local.partition(name)
    written.write_text(f"{before}{name}{TIMEOUT_S},{rest.partition(',')[2]}")
    return written


def play(stage: Stage) -> Show:
    """Submit everything, watch it, and let the previews in when the array is well under way."""
    ids = {"split": stage.submit("split")}
    ids["hang"] = stage.submit("hang", timeout={"attemptDurationSeconds": TIMEOUT_S})
    ids["frame"] = stage.submit("frame", after=ids["split"], arrayProperties={"size": stage.frames})
    ids["merge"] = stage.submit("merge", after=ids["frame"])
    ids["report"] = stage.submit("report", after=ids["merge"])
    stage.say(f"split → an array of {stage.frames} → merge → report are submitted; a job beside them hangs")
    previews: list[str] = []
    samples: list[Sample] = []
    told = 0
    with Bars() as bars:
        for overview, array in watch(stage, ids, previews):
            bars.show(overview)
            samples.append(sample(overview))
            done = array["SUCCEEDED"] / stage.frames
            if done >= OVERTAKE_AT and not previews:
                previews += [stage.submit("preview", URGENT) for _ in range(PREVIEWS)]
                stage.say(f"{PREVIEWS} urgent previews come; {array['RUNNABLE']} frames wait already")
            if done < 1 and int(done * 4) > told:
                told = int(done * 4)
                stage.say(f"{array['SUCCEEDED']} frames are rendered, {array['RUNNABLE']} wait")
    jobs = dict(zip(ids, stage.described(list(ids.values())), strict=True))
    children = [f"{ids['frame']}:{index}" for index in range(stage.frames)]
    return Show(jobs, stage.described(children), stage.described(previews), samples)


def watch(
    stage: Stage, ids: Mapping[str, str], previews: Sequence[str]
) -> Iterator[tuple[Overview, dict[str, int]]]:
    """Look again and again until all jobs have ended: (overview, how many frames have which status)."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        overview = stage.admin.get("batch")
        found = {job["jobId"]: job for job in stage.described([*ids.values(), *previews])}
        array: dict[str, int] = found[ids["frame"]]["arrayProperties"]["statusSummary"]
        yield overview, array
        if previews and all(job["status"] in ENDED for job in found.values()):
            return
        if array["FAILED"] or time.monotonic() > deadline:
            raise SystemExit(f"frames failed, or did not end within {WITHIN_S} s: {array}")
        time.sleep(PERIOD_S)


def sample(overview: Overview) -> Sample:
    """One answer of the plane, so that what waits and what is in use are of the same instant."""
    waiting = sum(job["children"].get("RUNNABLE", 0) for job in overview["jobs"])
    [farm] = overview["environments"]
    return Sample(overview["at"], waiting, farm["vcpus_used"], farm["vcpu_seconds"])


def pipeline(stage: Stage, show: Show) -> Act:
    """Every step succeeded, in order, and the film has every frame."""
    took = show.jobs["report"]["stoppedAt"] - show.jobs["split"]["createdAt"]
    act = Act("pipeline", stage.frames + 3, took / 1000, "")
    steps = [show.jobs[name] for name in ("split", "frame", "merge", "report")]
    for step in steps:
        if step["status"] != "SUCCEEDED":
            act.problems.append(f"{step['jobName']} is {step['status']}: {step.get('statusReason')}")
    if act.problems:
        return act
    first, last = (edge(job["startedAt"] for job in show.frames) for edge in (min, max))
    if not steps[0]["stoppedAt"] <= first or not last <= steps[2]["startedAt"] <= steps[3]["startedAt"]:
        act.problems.append("a step began before the one that it depends on had ended")
    made = json.loads((stage.film / "report.json").read_text())
    if made["frames"] != stage.frames:
        act.problems.append(f"the film has {made['frames']} frames")
    rate = stage.frames / ((max(job["stoppedAt"] for job in show.frames) - first) / 1000)
    act.notes = (
        f"{rate:.0f} frames/s; {made['frames'] / PER_SECOND:.1f} s of film, {made['bytes'] / 2**20:.1f} MiB"
    )
    return act


def cap(show: Show) -> Act:
    """Never more than the cap, and hardly less while frames waited."""
    busy = [one for one in show.samples if one.waiting]
    took = busy[-1].at - busy[0].at if busy else 0.0
    spans = [span for job in everything(show) for span in attempts(job)]
    ran, placed = VCPUS_OF_ONE * most_at_once(spans), max(one.used for one in show.samples)
    used = (busy[-1].used_for - busy[0].used_for) / (took * VCPUS) if took else 0.0
    most = max(ran, placed)
    notes = f"at most {most:g} of {VCPUS} in use, {used:.1%} while frames waited"
    act = Act("vCPU cap", len(everything(show)), took, notes)
    if most > VCPUS:
        act.problems.append(f"{most:g} vCPUs were in use")
    if used < IN_USE_MIN:
        act.problems.append(f"only {used:.1%} of the cap was in use while frames waited")
    return act


def retried(stage: Stage, show: Show) -> Act:
    """One frame, three attempts; all others one."""
    unlucky = show.frames[stage.unlucky]
    codes = [one["container"].get("exitCode") for one in unlucky["attempts"]]
    act = Act(
        "retries", 1, seconds(unlucky), f"frame {stage.unlucky}: exit codes {', '.join(map(str, codes))}"
    )
    if codes != [TRY_AGAIN, TRY_AGAIN, 0]:
        act.problems.append(f"frame {stage.unlucky} had the exit codes {codes}")
    others = sum(len(job["attempts"]) > 1 for job in show.frames) - 1
    if others:
        act.problems.append(f"{others} other frames were tried again")
    return act


def timed_out(show: Show) -> Act:
    """The job that hangs is stopped once, and not tried again."""
    job = show.jobs["hang"]
    [*_, last] = job["attempts"]
    lasted = (last["stoppedAt"] - last["startedAt"]) / 1000
    act = Act("timeout", 1, lasted, f"{job['status']}: {job.get('statusReason', '')}")
    if (job["status"], job.get("statusReason"), len(job["attempts"])) != ("FAILED", TIMED_OUT, 1):
        act.problems.append(f"it was {job['status']} after {len(job['attempts'])} attempts")
    if lasted < TIMEOUT_S:
        act.problems.append(f"it was stopped after {lasted:.1f} s already")
    return act


def overtaken(show: Show) -> Act:
    """Urgent jobs, submitted later, started before most of the frames that waited."""
    waits = [(job["startedAt"] - job["createdAt"]) / 1000 for job in show.previews]
    started = max(job["startedAt"] for job in show.previews)
    before = min(job["createdAt"] for job in show.previews)
    waiting = sum(job["startedAt"] > before for job in show.frames)
    passed = sum(job["startedAt"] > started for job in show.frames)
    mine = median((job["startedAt"] - show.jobs["split"]["stoppedAt"]) / 1000 for job in show.frames)
    act = Act(
        "urgent",
        PREVIEWS,
        max(waits),
        f"overtook {passed} of {waiting} frames; waited {max(waits):.1f} s, frames {mine:.1f} s",
    )
    if passed < waiting / 2:
        act.problems.append(f"only {passed} of the {waiting} frames that waited were overtaken")
    return act


def everything(show: Show) -> list[Job]:
    """All that ran: single jobs and children."""
    return [*(job for name, job in show.jobs.items() if name != "frame"), *show.frames, *show.previews]


def attempts(job: Job) -> Iterator[tuple[int, int]]:
    """From when to when its attempts ran, in milliseconds."""
    for one in job["attempts"]:
        if "startedAt" in one:
            yield one["startedAt"], one["stoppedAt"]


def most_at_once(spans: Iterable[tuple[int, int]]) -> int:
    """How many of them overlap at most; one may begin in the millisecond in which another ends.

    >>> most_at_once([(0, 4), (2, 6), (4, 8)])
    2
    """
    moves = sorted(move for began, ended in spans for move in ((began, 1), (ended, -1)))
    now = most = 0
    for _, change in moves:
        now += change
        most = max(most, now)
    return most


def seconds(job: Job) -> float:
    return float(job["stoppedAt"] - job["attempts"][0]["startedAt"]) / 1000


def report(acts: Sequence[Act]) -> int:
    """The table that the story ends with; returns the exit code."""
    rows = [
        [act.name, str(act.jobs), f"{act.seconds:.1f}", act.notes, "no" if act.problems else "yes"]
        for act in acts
    ]
    return verdict(("", "jobs", "seconds", "", "as promised"), rows, {act.name: act.problems for act in acts})
