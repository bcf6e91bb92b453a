"""Worlds as scripts: commands, and the story that is expected to come out of them.

A file is blocks, separated by empty lines: a command (with its lines of JSON, if any), a line `----`, and
what the command tells. Lines that begin with `#` are for people. The first command makes the world:

    world profile=aws-2022 seed=7
    ----

Commands: `node ID [cpu=N memory=N]`, `cut ID`, `mend ID`, `forget ID` (the agent loses its disk and its
session), `call SERVICE OPERATION [JSON]`, then `show JMESPATH` on a line of its own to tell less, or
`keep NAME JMESPATH` to tell nothing and have `$NAME` in later calls,
`ask tasks=N per-call=N definition=NAME` (a client that starts tasks from now on), `answers` (what it was
told), `launch count=N cluster=NAME cpu=N memory=N` (machines for EC2 capacity) and `terminate N` (the Nth of
them), `units` (how many are in which state, and why they wait), `pass SECONDS`.
With WINDLASS_RECORD=1 the stories are written anew; review the difference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jmespath

from windlass.aws.quotas import load_profile
from windlass.fleet.model import INSTANCES, UNITS
from windlass.front import machines
from windlass.kernel.clock import SECOND, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services import batch, ec2, ecs, logs
from windlass.sim.traffic import Answers, ask_for_tasks
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE, batch.SERVICE)
RULE = "----"


@dataclass(frozen=True)
class Block:
    """One command with its story; `notes` are the lines for people before it."""

    notes: tuple[str, ...]
    command: tuple[str, ...]
    story: tuple[str, ...]


def parse(text: str) -> list[Block]:
    """Blocks of a script. Raises ValueError at a block without its rule."""
    blocks: list[Block] = []
    for paragraph in text.strip("\n").split("\n\n"):
        lines = paragraph.split("\n")
        notes = tuple(line for line in lines if line.startswith("#"))
        rest = lines[len(notes) :]
        if rest and RULE not in rest:
            raise ValueError(f"no {RULE} after {rest[0]!r}")
        rule = rest.index(RULE) if rest else 0
        blocks.append(Block(notes, tuple(rest[:rule]), tuple(rest[rule + 1 :])))
    return blocks


def write(blocks: list[Block]) -> str:
    """The text that `parse` reads."""
    written = []
    for block in blocks:
        body = (*block.command, RULE, *block.story) if block.command else ()
        written.append("\n".join((*block.notes, *body)))
    return "\n\n".join(written) + "\n"


def play(blocks: list[Block]) -> list[Block]:
    """The same blocks with the stories that really came out."""
    played: list[Block] = []

    async def story(world: World) -> None:
        teller = Teller(world)
        for block in blocks:
            told = await teller.obey(block.command) if block.command else []
            played.append(replace(block, story=tuple(told)))

    first = next(block for block in blocks if block.command)
    name, _, settings = first.command[0].partition(" ")
    if name != "world":
        raise ValueError("the first command is not `world`")
    made = _settings(settings)
    World(SERVICES, load_profile(made["profile"]), int(made["seed"])).run(story)
    return played


class Teller:
    """Obeys the commands of one script; each tells lines."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers = Answers()
        self._kept: dict[str, str] = {}

    async def obey(self, command: tuple[str, ...]) -> list[str]:
        name, _, rest = command[0].partition(" ")
        deeds: dict[str, Callable[[str, tuple[str, ...]], Awaitable[list[str]]]] = {
            "world": self._made,
            "node": self._node,
            "cut": self._cut,
            "mend": self._mend,
            "forget": self._forget,
            "call": self._call,
            "ask": self._ask,
            "answers": self._told,
            "units": self._units,
            "pass": self._pass,
            "launch": self._launch,
            "terminate": self._terminate,
        }
        return await deeds[name](rest, command[1:])

    async def _made(self, rest: str, more: tuple[str, ...]) -> list[str]:
        return []

    async def _node(self, rest: str, more: tuple[str, ...]) -> list[str]:
        node_id, _, settings = rest.partition(" ")
        size = _settings(settings)
        self._world.add_node(
            node_id, cpu_units=int(size.get("cpu", 0)), memory_mib=int(size.get("memory", 0))
        )
        return []

    async def _cut(self, rest: str, more: tuple[str, ...]) -> list[str]:
        self._world.disconnect(rest)
        return []

    async def _mend(self, rest: str, more: tuple[str, ...]) -> list[str]:
        self._world.connect(rest)
        return []

    async def _forget(self, rest: str, more: tuple[str, ...]) -> list[str]:
        self._world.disconnect(rest)
        self._world.nodes[rest].forget()
        return []

    async def _call(self, rest: str, more: tuple[str, ...]) -> list[str]:
        service, operation, *inline = rest.split(" ", 2)
        show = next((line.removeprefix("show ") for line in more if line.startswith("show ")), "")
        keep = next((line.split(" ", 2)[1:] for line in more if line.startswith("keep ")), None)
        body = "\n".join([*inline, *[line for line in more if not line.startswith(("show ", "keep "))]])
        for name, value in self._kept.items():
            body = body.replace(f"${name}", value)
        try:
            result: Any = await self._world.call(service, operation, **json.loads(body or "{}"))
        except Fault as fault:
            return [f"{fault.code}: {fault.message}"]
        if keep is not None:
            name, path = keep
            self._kept[name] = str(jmespath.search(path, result))
            return []
        told = jmespath.search(show, result) if show else result
        return [] if told is None else json.dumps(told, default=str).split("\n")

    async def _ask(self, rest: str, more: tuple[str, ...]) -> list[str]:
        asked = _settings(rest)
        work = ask_for_tasks(
            self._world,
            self._answers,
            tasks=int(asked["tasks"]),
            per_call=int(asked["per-call"]),
            definition=asked["definition"],
        )
        self._world.begin("client", work)
        return []

    async def _told(self, rest: str, more: tuple[str, ...]) -> list[str]:
        accepted = sum(count for _, count in self._answers.accepted)
        refused = sorted(self._answers.refused.items())
        return [f"{accepted} tasks accepted", *[f"{count} calls refused, {why}" for why, count in refused]]

    async def _units(self, rest: str, more: tuple[str, ...]) -> list[str]:
        units = list(self._world.plane.store[UNITS].all())
        counts = Counter(f"{unit.state}{': ' if unit.why else ''}{unit.why}" for unit in units)
        return [f"{count} {state}" for state, count in sorted(counts.items())] or ["none"]

    async def _launch(self, rest: str, more: tuple[str, ...]) -> list[str]:
        asked = {"account": ACCOUNT, "region": REGION, **_settings(rest)}
        await machines.run(self._world.plane, asked)
        return []

    async def _terminate(self, rest: str, more: tuple[str, ...]) -> list[str]:
        rows = sorted(row.id for row in self._world.plane.store[INSTANCES].all())
        await machines.terminate(self._world.plane, {"id": rows[int(rest) - 1]})
        return []

    async def _pass(self, rest: str, more: tuple[str, ...]) -> list[str]:
        await self._world.pass_time(seconds(float(rest)))
        return [f"{self._world.elapsed / SECOND:g} s"]


def _settings(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())
