"""Machines of one's own, as tests have them: network namespaces with cables that can be pulled, and agents.

Needs root, iproute2 and nftables (`make setup-system`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.config import Config

from tests.process import REGION, PlaneProcess, session

TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "ssm.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
ROLE = "ecsAnywhereRole"
ENDS_WITHIN_S = 60
_numbers = itertools.count(1)


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


class Machine:
    """A network namespace, and a cable from it to this host: `host` is our end's address."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.name = f"machine-{os.getpid()}-{number}"
        self.cable = f"cable{os.getpid()}.{number}"
        net = f"10.{200 + number % 50}.{os.getpid() % 250}"
        self.host, self.address = f"{net}.1", f"{net}.2"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "addr", "add", f"{self.host}/24", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        for words in (("addr", "add", f"{self.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            run("ip", "-n", self.name, *words)
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    def inside(self, *words: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name, *words)

    def cut(self) -> None:
        """Pull the cable: nothing arrives, and nobody is told."""
        run("ip", "link", "set", self.cable, "down")

    def mend(self) -> None:
        run("ip", "link", "set", self.cable, "up")

    def lose_packets(self, percent: int) -> None:
        """From now on, both ways."""
        drop = f"numgen random mod 100 < {percent} counter drop"
        rules = f"chain in {{ type filter hook input priority 0; {drop}; }};"
        rules += f" chain out {{ type filter hook output priority 0; {drop}; }};"
        run(*self.inside("nft", f"table ip lossy {{ {rules} }}"))

    def lose_none(self) -> int:
        """Returns how many were lost."""
        listed = run(*self.inside("nft", "list table ip lossy"))
        run(*self.inside("nft", "delete table ip lossy"))
        return sum(map(int, re.findall(r"counter packets (\d+)", listed)))

    def remove(self) -> None:
        run("ip", "netns", "delete", self.name)


@contextmanager
def a_machine() -> Iterator[Machine]:
    machine = Machine()
    try:
        yield machine
    finally:
        machine.remove()


class RemoteAgent:
    """`windlass agent --join` as a child process, in a machine or on this host."""

    def __init__(self, data: Path, url: str, *options: str, machine: Machine | None = None) -> None:
        self.data = data
        self.url = url
        self.options = options
        self.machine = machine
        self.output = data.parent / f"{data.name}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> RemoteAgent:
        """Returns at once; `options` are for this start only."""
        command = [sys.executable, "-m", "windlass", "agent", "--join", self.url, "--data", str(self.data)]
        words = [*command, *self.options, *options]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                words if self.machine is None else self.machine.inside(*words),
                stdout=output,
                stderr=output,
                env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            )
        return self

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def membership(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "agent" / "membership.json").read_bytes())
        return found

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(ENDS_WITHIN_S)

    def stop(self) -> int:
        """SIGTERM: it ends its tasks, and itself. Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        assert self.process is not None
        return self.process.wait(ENDS_WITHIN_S)


class Site:
    """A plane that machines may join, and clients of its root."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.plane = plane

    def client(self, service: str) -> Any:
        key = json.loads((self.plane.data / "root-credentials.json").read_bytes())
        return session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.plane.endpoint,
            region_name=REGION,
            config=Config(retries={"max_attempts": 0}),
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    def activation(self, registrations: int = 1) -> str:
        """ID:CODE, as `--activation` takes it."""
        iam, ssm = self.client("iam"), self.client("ssm")
        if not iam.list_roles()["Roles"]:
            iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
        made = ssm.create_activation(IamRole=ROLE, RegistrationLimit=registrations)
        return f"{made['ActivationId']}:{made['ActivationCode']}"

    def pings(self) -> dict[str, str]:
        """Machine id → PingStatus."""
        rows = self.client("ssm").describe_instance_information()["InstanceInformationList"]
        return {row["InstanceId"]: row["PingStatus"] for row in rows}

    def online(self) -> list[str]:
        return [machine for machine, status in self.pings().items() if status == "Online"]


class SlowRoad:
    """A TCP proxy that keeps every piece back for a while, and can swallow answers."""

    def __init__(self, host: str, target: tuple[str, int], delay_s: float) -> None:
        self._host = host
        self._target = target
        self._delay_s = delay_s
        self.swallow = 0
        """So many connections are closed when the first answer arrives."""
        self.swallowed = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        self.port = int(server.sockets[0].getsockname()[1])

    async def _open(self) -> Any:
        return await asyncio.start_server(self._carry, self._host, 0)

    async def _carry(self, reader: Any, writer: Any) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(
            self._pass(reader, there_writer, answers=False),
            self._pass(there_reader, writer, answers=True),
            return_exceptions=True,
        )

    async def _pass(self, reader: Any, writer: Any, *, answers: bool) -> None:
        loop = asyncio.get_running_loop()
        while piece := await reader.read(65536):
            if answers and self.swallow > self.swallowed:
                self.swallowed += 1
                break
            if self._delay_s:
                loop.call_later(self._delay_s, writer.write, piece)
            else:
                writer.write(piece)
        loop.call_later(self._delay_s, writer.close)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
