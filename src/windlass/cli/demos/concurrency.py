"""`windlass demo concurrency`: one event per environment (seed 000), told with the same burst of requests.

Acts: the burst finds nothing and each request starts an environment of its own; it comes again and finds them
all; the same number one after the other needs one; reserved concurrency refuses what is above it; provisioned
concurrency has some ready before they are asked for. Every request of a burst runs until all of them do: a
gate holds them, so that what is counted does not depend on how fast this machine is.
"""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from statistics import median
from types import TracebackType
from typing import Any

from botocore.exceptions import ClientError

from windlass.cli.admin_client import aws_client
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.story import Story, verdict

ACCOUNT, REGION, NAME = "123456789012", "ap-northeast-1", "burst"
SET_ASIDE = 10
"""Reserved in one act, provisioned in another."""
HOLD_S = 0.3
"""How long a burst goes on once all of it runs: so much of it is seen in the timeline."""
WITHIN_S = 120.0
LANES, WIDTH = 12, 60
SOURCE = """
import os, socket, time

KIND = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
events = 0

def handler(event, context):
    global events
    events += 1
    began = time.time()
    with socket.create_connection(event["gate"], timeout=event["within"]) as gate:
        gate.recv(1)
    time.sleep(event["hold"])
    return {
        "environment": context.log_stream_name,
        "number": events,
        "kind": KIND,
        "began": began,
        "ended": time.time(),
    }
"""
"""Says which environment it is, and how many events that has had."""


class Gate:
    """A door on loopback: who calls there waits until it is opened."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._waiting: list[socket.socket] = []
        self._changed = threading.Condition()
        self._open = False
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()
        self._listener.close()

    def wait_for(self, count: int) -> int:
        """Until so many wait, but not for ever; returns how many do."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= count, WITHIN_S)
            return len(self._waiting)

    def open(self) -> None:
        """Let in who waits, and from now on everybody at once."""
        with self._changed:
            self._open = True
            for caller in self._waiting:
                caller.close()
            self._waiting.clear()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                if self._open:
                    caller.close()
                else:
                    self._waiting.append(caller)
                    self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: when it was sent, when its handler began and ended, in which environment."""

    sent: float
    began: float
    ended: float
    environment: str
    cold: bool
    """It is the first event of an environment that was started for it."""


@dataclass(frozen=True, slots=True)
class Act:
    """What came of one act."""

    name: str
    requests: int
    answered: Sequence[Answered]
    reasons: Sequence[str]
    """Of those that were throttled."""
    problems: list[str] = field(default_factory=list)

    @property
    def environments(self) -> int:
        return len({one.environment for one in self.answered})

    @property
    def cold(self) -> int:
        return sum(one.cold for one in self.answered)

    def judge(self, *, answered: int, environments: int, cold: int) -> Act:
        """Note what is otherwise than promised."""
        for what, found, promised in (
            ("were answered", len(self.answered), answered),
            ("environments ran them", self.environments, environments),
            ("cold starts", self.cold, cold),
            ("were throttled", len(self.reasons), self.requests - answered),
        ):
            if found != promised:
                self.problems.append(f"{found} {what}, not {promised}")
        return self


class Stage:
    """One function on one plane, and the story."""

    def __init__(self, endpoint: str, requests: int) -> None:
        self.say = Story().say
        self.requests = requests
        self._aws: Any = aws_client(
            "lambda", endpoint, ACCOUNT, REGION, retries={"max_attempts": 0}, max_pool_connections=requests
        )

    def build(self) -> None:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", SOURCE)
        self._aws.create_function(
            FunctionName=NAME,
            Runtime="python{}.{}".format(*sys.version_info),
            Role=f"arn:aws:iam::{ACCOUNT}:role/demo",
            Handler="app.handler",
            Timeout=int(2 * WITHIN_S),
            Code={"ZipFile": package.getvalue()},
        )
        self._aws.get_waiter("function_active_v2").wait(FunctionName=NAME)

    def burst(self, name: str, run: int, qualifier: str = "$LATEST") -> Act:
        """All requests at once, of which so many should run; each runs until all of those do."""
        with Gate() as gate, ThreadPoolExecutor(self.requests) as threads:
            sent = [threads.submit(self._invoke, gate, qualifier, HOLD_S) for _ in range(self.requests)]
            running = gate.wait_for(run)
            _wait_for_refusals(sent, self.requests - run)
            gate.open()
            act = _act(name, [one.result() for one in sent])
        if running != run:
            act.problems.append(f"{running} ran at once, not {run}")
        return act

    def in_turn(self, name: str) -> Act:
        """The same requests, each sent once the one before is answered."""
        with Gate() as gate:
            gate.open()
            return _act(name, [self._invoke(gate, "$LATEST", 0) for _ in range(self.requests)])

    def reserve(self, count: int | None) -> None:
        if count is None:
            self._aws.delete_function_concurrency(FunctionName=NAME)
        else:
            self._aws.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=count)

    def provision(self, count: int) -> str:
        """Publish a version with so many environments ready; returns its number."""
        version: str = self._aws.publish_version(FunctionName=NAME)["Version"]
        of = {"FunctionName": NAME, "Qualifier": version}
        self._aws.put_provisioned_concurrency_config(**of, ProvisionedConcurrentExecutions=count)
        deadline = time.monotonic() + WITHIN_S
        while self._aws.get_provisioned_concurrency_config(**of)["Status"] != "READY":
            if time.monotonic() > deadline:
                raise SystemExit(f"provisioned concurrency was not ready within {WITHIN_S:.0f} s")
            time.sleep(0.05)
        return version

    def _invoke(self, gate: Gate, qualifier: str, hold: float) -> Answered | str:
        """One request; the reason if it is throttled."""
        event = {"gate": gate.address, "within": WITHIN_S, "hold": hold}
        sent = time.time()
        try:
            answer = self._aws.invoke(FunctionName=NAME, Qualifier=qualifier, Payload=json.dumps(event))
        except ClientError as error:
            return str(error.response.get("Reason") or error)
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return str(said)
        cold = said["number"] == 1 and said["kind"] == "on-demand"
        return Answered(sent, said["began"], said["ended"], said["environment"], cold)


def run(runner: str, requests: int) -> int:
    """Tell the story; returns the exit code: 1 if anything was not as promised."""
    print("One event per environment (after the Qiita article on concurrency in Lambda)\n")
    with own_plane(runner, lambda data: None) as (endpoint, _):
        stage = Stage(endpoint, requests)
        stage.build()
        acts = [_cold(stage), _warm(stage), _in_turn(stage), _reserved(stage), _provisioned(stage)]
    return _report(acts)


def _cold(stage: Stage) -> Act:
    count = stage.requests
    stage.say(f"{count} requests at once, and no environment: each starts one of its own")
    act = stage.burst("cold", count).judge(answered=count, environments=count, cold=count)
    _draw(act)
    return act


def _warm(stage: Stage) -> Act:
    count = stage.requests
    stage.say(f"the same {count} again: {count} environments are idle, and none is started")
    act = stage.burst("warm", count).judge(answered=count, environments=count, cold=0)
    _draw(act)
    return act


def _in_turn(stage: Stage) -> Act:
    count = stage.requests
    stage.say(f"the same {count} one after the other: the environment used last is used again")
    return stage.in_turn("in turn").judge(answered=count, environments=1, cold=0)


def _reserved(stage: Stage) -> Act:
    stage.reserve(SET_ASIDE)
    stage.say(f"reserved concurrency {SET_ASIDE}: of {stage.requests} at once, {SET_ASIDE} run")
    act = stage.burst("reserved", SET_ASIDE).judge(answered=SET_ASIDE, environments=SET_ASIDE, cold=0)
    stage.reserve(None)
    for reason in sorted(set(act.reasons)):
        stage.say(f"{act.reasons.count(reason)} were refused: 429 {reason}")
    _draw(act)
    return act


def _provisioned(stage: Stage) -> Act:
    count = stage.requests
    version = stage.provision(SET_ASIDE)
    stage.say(f"version {version} with provisioned concurrency {SET_ASIDE}: the others spill over")
    act = stage.burst("provisioned", count, version)
    act.judge(answered=count, environments=count, cold=count - SET_ASIDE)
    _draw(act)
    return act


def _wait_for_refusals(sent: Sequence[Future[Answered | str]], count: int) -> None:
    """Until so many have their answer though the gate is closed."""
    deadline = time.monotonic() + WITHIN_S
    while sum(one.done() for one in sent) < count and time.monotonic() < deadline:
        wait(sent, timeout=0.05)


def _act(name: str, found: Sequence[Answered | str]) -> Act:
    answered = [one for one in found if isinstance(one, Answered)]
    return Act(name, len(found), answered, [one for one in found if isinstance(one, str)])


def _draw(act: Act) -> None:
    """A lane for each of some requests: ░ waits for its environment, █ runs in it."""
    if not act.answered:
        return
    first = min(one.sent for one in act.answered)
    last = max(one.ended for one in act.answered)
    order = sorted(act.answered, key=lambda one: one.sent)
    picked = order[:: -(-len(order) // LANES)]
    for one in picked:
        sent, began, ended = (
            round((at - first) / (last - first) * WIDTH) for at in (one.sent, one.began, one.ended)
        )
        lane = " " * sent + "░" * (began - sent) + "█" * (ended - began)
        print(f"          │{lane:{WIDTH}}│ {'cold' if one.cold else 'warm'}")
    left = len(order) - len(picked)
    print(f"          └ {last - first:.2f} s{f', and {left} more lanes like these' if left else ''}\n")


def _report(acts: Sequence[Act]) -> int:
    """The table that the story ends with; returns the exit code."""
    columns = (
        "",
        "requests",
        "answered",
        "throttled",
        "environments",
        "cold starts",
        "waited ms",
        "as promised",
    )
    rows = [
        [
            act.name,
            str(act.requests),
            str(len(act.answered)),
            str(len(act.reasons)),
            str(act.environments),
            str(act.cold),
            f"{median(one.began - one.sent for one in act.answered) * 1000:.1f}" if act.answered else "",
            "no" if act.problems else "yes",
        ]
        for act in acts
    ]
    print("waited: from the request to its handler, median; the client's own time is in it")
    problems: Mapping[str, Sequence[str]] = {act.name: act.problems for act in acts}
    return verdict(columns, rows, problems)
