"""SIGKILL of the agent, and of plane and agent together: what runs goes on, and its end is known."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fault.soak import agents_of
from tests.fault.waiting import until
from tests.process import PlaneProcess
from tests.unit.node.fake_plane import FakePlane, a_want
from tests.unit.node.running import a_python, a_shell
from tests.unit.node.site import SLEEPER, Site, at_site
from windlass.fleet.messages import ContainerSpec, RestartPolicy, Shutdown, Want
from windlass.node import keeper, proc

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]
U1, ENDS, WRITES, SLEEPS = (f"{name}-{os.getpid()}" for name in ("u1", "ends", "writes", "sleeps"))
"""Ids of this process's own: agents look for a unit's leftovers on the whole machine, other tests' too."""


def leftovers(data: Path) -> list[int]:
    """Living keepers below that directory, and what else is in their sessions."""
    keepers = {pid for pid in proc.everyone() if (proc.keeps(pid) or "").startswith(f"{data}/")}
    stats = [stat for pid in proc.everyone() if (stat := proc.stat(pid)) is not None]
    return [stat.pid for stat in stats if stat.session in keepers and stat.state != "Z"]


async def end(site: Site, plane: FakePlane) -> None:
    """A clean end of the agent; nothing of its tasks is left."""
    await plane.send(Shutdown())
    await plane.until_end()
    assert await site.exit() == 0
    assert leftovers(site.data) == []
    assert list((site.data / "agent" / "scratch").iterdir()) == []
    assert [path.name for path in (site.data / "agent" / "keepers").iterdir()] == [keeper.GO]


def test_three_tasks_live_on_and_one_ends(tmp_path: Path) -> None:
    """1. Three tasks run. 2. The agent is killed. 3. One ends, all write. 4. The next agent has all of it.

    One of them writes more than its pipe holds: it waits for somebody to read.
    """
    gates = {name: tmp_path / name for name in ("ends", "writes")}
    for gate in gates.values():
        os.mkfifo(gate)
    ends = a_shell(f"echo e-before; read x < {gates['ends']}; seq -f e-%g 1000; printf e-last; exit 7")
    writes = a_python(
        f"print('w-before', flush=True); open({str(gates['writes'])!r}).read()\n"
        "for number in range(100_000): print(f'w-{number}')\n"
        "import time; print('w-last', flush=True); time.sleep(600)"
    )

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        wants = (a_want(ENDS, ends), a_want(WRITES, writes), a_want(SLEEPS, SLEEPER))
        await plane.desire(1, *wants)
        await plane.until(lambda: sorted(plane.lines) == ["e-before", "w-before"])
        for want in wants:
            await plane.until_status(want.spec.unit_id, "running")
        before = dict(plane.units)
        await site.kill(pid)
        gates["ends"].write_text("go\n")
        gates["writes"].write_text("go\n")
        ended = str(site.data / "agent" / "keepers" / f"{ENDS}.main")
        until(lambda: keeper.end(ended), "it ends without an agent")
        await site.ensure()
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        await again.desire(1, *wants)
        state = await again.until_status(ENDS, "stopped")
        assert (state.containers[0].exit_code, state.stop_code) == (7, "EssentialContainerExited")
        assert state.containers[0].stopped_at == state.execution_stopped_at
        assert before[ENDS].started_at <= state.containers[0].stopped_at <= state.stopped_at
        await again.until(lambda: "w-last" in again.lines)
        for line in plane.lines:  # may come once more: the kill may have overtaken the acknowledgement
            if line in again.lines:
                again.lines.remove(line)
        told = [line for line in again.lines if line.startswith("e")]
        assert told == [*(f"e-{number}" for number in range(1, 1001)), "e-last"]
        told = [line for line in again.lines if line.startswith("w")]
        assert told == [*(f"w-{number}" for number in range(100_000)), "w-last"]
        for name in (WRITES, SLEEPS):
            assert again.units[name] == before[name]
        await end(site, again)
        assert {again.units[name].containers[0].exit_code for name in (WRITES, SLEEPS)} == {143}

    at_site(tmp_path, body)


def test_not_started_containers_start_after_the_plane_spoke(tmp_path: Path) -> None:
    """A container that waited for another when the agent died starts under the next one, complete."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = a_shell(f"read x < {gate}", name="first", essential=False)
    second = a_shell("echo $AWS_ENDPOINT_URL", name="second", depends_on=(("first", "SUCCESS"),))

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(U1, first, second))
        await plane.until(lambda: U1 in plane.units and plane.units[U1].containers[0].status == "running")
        await site.kill(pid)
        gate.write_text("go\n")
        await site.ensure()
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        await again.desire(1, a_want(U1, first, second))
        state = await again.until_status(U1, "stopped")
        assert [c.exit_code for c in state.containers] == [0, 0]
        assert again.lines == ["http://127.0.0.1:4566"]
        await end(site, again)

    at_site(tmp_path, body)


def test_what_was_done_is_known_to_the_next(tmp_path: Path) -> None:
    """A container that was told to end is not told twice; one that ended meanwhile is started again, once."""
    terms, runs, gate = tmp_path / "terms", tmp_path / "runs", tmp_path / "gate"
    os.mkfifo(gate)
    ignores = a_shell(
        f"trap 'echo term >> {terms}' TERM; echo ready; while :; do sleep 600 & wait; done",
        stop_timeout_s=1.0,
    )
    again_and_again = a_shell(
        f"echo run >> {runs}; test $(wc -l < {runs}) = 1 && read x < {gate} && exit 3; exec sleep 600",
        restart_policy=RestartPolicy((0,), attempt_period_s=0.0),
    )

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(SLEEPS, ignores), a_want(ENDS, again_and_again))
        await plane.until(lambda: "ready" in plane.lines)
        await plane.until_status(ENDS, "running")
        await plane.desire(2, a_want(SLEEPS, ignores, run=False), a_want(ENDS, again_and_again))
        until(terms.exists, "it was told to end")
        await site.kill(pid)
        gate.write_text("go\n")
        await site.ensure()
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        await again.desire(2, a_want(SLEEPS, ignores, run=False), a_want(ENDS, again_and_again))
        state = await again.until_status(SLEEPS, "stopped")
        assert (state.containers[0].exit_code, terms.read_text()) == (137, "term\n")
        await again.until(lambda: again.units[ENDS].containers[0].restart_count == 1)
        until(lambda: runs.read_text() == "run\nrun\n", "it runs again")
        await end(site, again)

    at_site(tmp_path, body)


def test_killed_keeper(tmp_path: Path) -> None:
    """A keeper that was killed while no agent looked: the command is killed too, its exit code is unknown."""

    async def body(site: Site) -> None:
        pid = await site.ensure()
        plane = await site.plane()
        await plane.welcome()
        await plane.desire(1, a_want(U1, SLEEPER))
        keeping = (await plane.until_status(U1, "running")).containers[0].pid
        until(lambda: keeper.command_of(keeping), "the command runs")
        [command] = proc.children_of(keeping)
        await site.kill(pid)
        os.kill(keeping, signal.SIGKILL)
        await site.ensure()
        again = await site.plane()
        await again.welcome(observed=plane.numbers[-1], epoch=2)
        await again.desire(1, a_want(U1, SLEEPER))
        container = (await again.until_status(U1, "stopped")).containers[0]
        assert (container.exit_code, container.reason) == (None, "The container's keeper was killed")
        left = proc.stat(command)
        assert left is None or left.state == "Z"
        await end(site, again)

    at_site(tmp_path, body)


def test_fifty_tasks_at_random_with_five_kills(tmp_path: Path) -> None:
    """Tasks come and go while agents die: each runs once, ends, and leaves nothing behind."""
    chance = random.Random(7)
    starts = tmp_path / "starts"
    starts.touch()

    def unit(number: int) -> str:
        return f"u{number}-{os.getpid()}"

    def a_task(number: int) -> ContainerSpec:
        ending = "exec sleep 600" if number % 3 else f"exit {number}"
        return a_shell(f"echo {unit(number)} >> {starts}; echo out; {ending}")

    async def body(site: Site) -> None:
        wants: dict[str, Want] = {}
        tasks = [a_want(unit(number), a_task(number)) for number in range(50)]
        known, observed = {}, 0
        pid = await site.ensure()
        for epoch in range(1, 7):
            plane = await site.plane()
            await plane.welcome(observed=observed, epoch=epoch)
            plane.units = known | plane.units
            for generation in range(100 * epoch, 100 * epoch + 3):
                seen = sorted(set(starts.read_text().split()))
                for unit_id in chance.sample(seen, len(seen) // 4):
                    wants[unit_id] = a_want(unit_id, *wants[unit_id].spec.containers, run=False)
                for _ in range(3 if epoch < 6 else 50):
                    if tasks:
                        want = tasks.pop()
                        wants[want.spec.unit_id] = want
                await plane.desire(generation, *wants.values())
                for _ in range(chance.randrange(8)):
                    await plane.receive()
            if epoch < 6:
                await site.kill(pid)
                plane.close()
                known, observed = plane.units, max((observed, *plane.numbers))
                pid = await site.ensure()
        await plane.until(lambda: all(u in plane.units and settled(plane, u) for u in wants))
        await end(site, plane)
        assert Counter(starts.read_text().split()) == {unit(number): 1 for number in range(50)}
        for number in range(0, 50, 3):
            code = plane.units[unit(number)].containers[0].exit_code
            assert code in (number, 143), number

    def settled(plane: FakePlane, unit_id: str) -> bool:
        """It has begun, or has ended."""
        return plane.units[unit_id].status in ("running", "stopped")

    at_site(tmp_path, body)


def test_plane_and_agent_together(own_plane: Make, tmp_path: Path) -> None:
    """1. Tasks run. 2. Plane and agent are killed. 3. One task ends. 4. The next plane knows all of it."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    log = {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}
    plane.client("logs", ACCOUNT).create_log_group(logGroupName="g")

    def run(family: str, *command: str) -> str:
        container = {
            "name": "main", "image": "host", "memory": 64, "cpu": 1, "command": list(command),
            "logConfiguration": {"logDriver": "awslogs", "options": log},
        }  # fmt: skip
        ecs.register_task_definition(family=family, containerDefinitions=[container])
        [task] = ecs.run_task(taskDefinition=family)["tasks"]
        return str(task["taskArn"])

    def statuses(*arns: str) -> list[str]:
        return [task["lastStatus"] for task in ecs.describe_tasks(tasks=arns)["tasks"]]

    ends = run("ends", "sh", "-c", f"echo before; read x < {gate}; seq 1000; exit 7")
    stays = run("stays", "sleep", "600")
    until(lambda: statuses(ends, stays) == ["RUNNING", "RUNNING"], "both run")
    logs = plane.client("logs", ACCOUNT)
    stream = f"p/main/{ends.rsplit('/', 1)[-1]}"

    def lines() -> list[str]:
        found: list[str] = []
        page = {"nextForwardToken": ""}
        while page["nextForwardToken"] != (token := page["nextForwardToken"]) or not token:
            after = {"nextToken": token} if token else {}
            page = logs.get_log_events(
                logGroupName="g", logStreamName=stream, startFromHead=True, **after
            )  # fmt: skip
            found += [event["message"] for event in page["events"]]
        return found

    until(lambda: logs.describe_log_streams(logGroupName="g")["logStreams"], "it has written")
    agent = int((plane.data / "agent" / "agent.pid").read_text())
    os.kill(agent, signal.SIGKILL)
    plane.kill()
    gate.write_text("go\n")
    plane.start()
    ecs, logs = plane.client("ecs", ACCOUNT), plane.client("logs", ACCOUNT)
    until(lambda: statuses(ends) == ["STOPPED"], "the end is known")
    [task] = ecs.describe_tasks(tasks=[ends])["tasks"]
    assert (task["containers"][0]["exitCode"], task["stopCode"]) == (7, "EssentialContainerExited")
    assert list(dict.fromkeys(lines())) == ["before", *map(str, range(1, 1001))]
    assert statuses(stays) == ["RUNNING"]
    agent = int((plane.data / "agent" / "agent.pid").read_text())
    os.kill(agent, signal.SIGKILL)  # now the agent alone: its plane starts another
    ecs.stop_task(task=stays)
    until(lambda: statuses(stays) == ["STOPPED"], "it stops")
    [task] = ecs.describe_tasks(tasks=[stays])["tasks"]
    assert (task["containers"][0]["exitCode"], task["stopCode"]) == (143, "UserInitiated")
    until(lambda: not leftovers(plane.data), "nothing is left")


def test_agents_that_are_killed_while_they_start(own_plane: Make) -> None:
    """The plane goes on, and starts another one, until one lives."""
    plane = own_plane()
    for _ in range(3):
        for agent in until(lambda: agents_of(plane.data), "there is an agent"):
            os.kill(agent, signal.SIGKILL)
        until(lambda: not agents_of(plane.data), "it is dead")
    ecs = plane.client("ecs", ACCOUNT)
    container = {"name": "main", "image": "host", "memory": 64, "cpu": 1, "command": ["sh", "-c", "exit 7"]}
    ecs.register_task_definition(family="ends", containerDefinitions=[container])
    ecs.create_cluster()

    def runs() -> str:
        [task, *_] = ecs.run_task(taskDefinition="ends")["tasks"] or [None]
        return str(task["taskArn"]) if task else ""

    arn = until(runs, "a task is taken")
    until(lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "STOPPED", "it ran")


def test_doctor(own_plane: Make, tmp_path: Path) -> None:
    """1. Plane and agent are killed. 2. The doctor finds their task. 3. It removes it. 4. Nothing is left."""
    plane = own_plane()
    ecs = plane.client("ecs", ACCOUNT)
    container = {"name": "main", "image": "host", "memory": 64, "cpu": 1, "command": ["sleep", "600"]}
    ecs.register_task_definition(family="stays", containerDefinitions=[container])
    ecs.run_task(taskDefinition="stays")
    until(lambda: len(leftovers(plane.data)) == 2, "it runs")

    def doctor(*options: str) -> tuple[int, list[dict[str, Any]]]:
        command = [sys.executable, "-m", "windlass", "agent", "doctor", "--data", str(plane.data), "--json"]
        asked = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True)
        return asked.returncode, json.loads(asked.stdout)["leftovers"]

    assert doctor() == (0, [])
    agent = int((plane.data / "agent" / "agent.pid").read_text())
    plane.kill()
    os.kill(agent, signal.SIGKILL)
    until(lambda: (stat := proc.stat(agent)) is None or stat.state == "Z", "the agent is dead")
    code, rows = doctor("--dry-run")
    assert (code, [row["keeper"] for row in rows]) == (1, [True, False])
    assert {row["why"] for row in rows} == {"neither its agent nor its plane runs"}
    code, rows = doctor()
    assert (code, [row["killed"] for row in rows]) == (0, [True, True])
    until(lambda: not leftovers(plane.data), "they are dead")
    assert doctor() == (0, [])
