"""Becoming a node of a plane, and proving to be one: whatever dies or is lost on the way; TLS, copies."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until
from tests.process import PlaneProcess
from tests.remote_build import RemoteAgent, Site, SlowRoad
from windlass.node.joined import Join, join
from windlass.node.main import EXIT_NOT_JOINED, EXIT_TAKEN
from windlass.node.membership import NotAMember
from windlass.node.session import SessionRefused
from windlass.node.websocket import PlaneUrl, open_websocket

Make = Callable[..., PlaneProcess]
Remote = Callable[..., RemoteAgent]


@pytest.fixture
def site(own_plane: Make) -> Site:
    return Site(own_plane("--auth", "sigv4", "--no-agent"))


@pytest.fixture
def remote(own_plane: Make) -> Iterator[Remote]:  # planes end after their agents
    """RemoteAgent, and none of them outlives a test that failed."""
    made: list[RemoteAgent] = []

    def make(*arguments: Any) -> RemoteAgent:
        made.append(RemoteAgent(*arguments))
        return made[-1]

    yield make
    for agent in made:
        if agent.process is not None and agent.process.poll() is None:
            agent.stop()


def refused_at_the_door(url: str, node_id: str, secret: str) -> bool:
    """Whether that secret lets nobody in."""

    async def knock() -> bool:
        try:
            (await open_websocket(PlaneUrl(url), node_id, secret)).close()
        except SessionRefused:
            return True
        return False

    return asyncio.run(knock())


def test_agents_that_die_in_the_middle(site: Site, remote: Remote, tmp_path: Path) -> None:
    """1. Agent and plane are killed again and again, at any moment. 2. One machine registered; it gets in.

    3. Of all the secrets that it ever had, the last one is good. 4. A second agent in its name is turned away
    while it is there, and a copy of its directory always.
    """
    endpoint = site.plane.endpoint
    agent = remote(tmp_path / "machine", endpoint, "--activation", site.activation())
    secrets: list[str] = []

    def note() -> str:
        secret = str(agent.membership["secret"])
        if secret not in secrets:
            secrets.append(secret)
        return secret

    for number in range(4):
        agent.start()
        until(lambda: (agent.data / "agent" / "membership.json").exists(), "it began")
        first = note()
        if number % 2:
            until(lambda before=first: note() != before, "its secret is renewed")
        if number in (1, 2):
            port = site.plane.port
            site.plane.kill()
            agent.kill()
            site.plane.start(port)
        agent.kill()
        note()
    agent.start()
    [machine] = until(site.online, "it gets in")
    assert list(site.pings()) == [machine]
    [row] = site.client("ssm").describe_activations()["ActivationList"]
    assert row["RegistrationsCount"] == 1
    current = until(lambda: note() and len(secrets) > 3 and note(), "its secret was renewed each time")
    until(lambda: refused_at_the_door(endpoint, machine, secrets[-2]), "the one before is good no more")
    assert all(refused_at_the_door(endpoint, machine, secret) for secret in secrets if secret != current)

    twin = remote(agent.data, endpoint).start()
    assert twin.ended() == EXIT_TAKEN
    copy = shutil.copytree(agent.data, tmp_path / "copy", ignore=shutil.ignore_patterns("keepers"))
    copied = remote(copy, endpoint).start()
    assert copied.ended() == EXIT_NOT_JOINED and "copy of another agent" in copied.said
    assert agent.stop() == 0
    assert site.online() == []


def test_an_answer_that_is_lost(site: Site, remote: Remote, tmp_path: Path) -> None:
    """The plane registered the machine twice over, as it was asked twice, and counted it once."""
    road = SlowRoad("127.0.0.1", ("127.0.0.1", site.plane.port), 0)
    road.swallow = 2
    agent = remote(tmp_path / "machine", f"http://127.0.0.1:{road.port}")
    agent.start("--activation", site.activation())
    try:
        [machine] = until(site.online, "it gets in")
        assert road.swallowed == 2
        assert list(site.pings()) == [machine] == [agent.membership["node_id"]]
    finally:
        agent.stop()
        road.close()


def test_what_is_wrong_is_said_in_one_line(site: Site, remote: Remote, tmp_path: Path) -> None:
    """Each is final: nobody asks the plane again and again with what it refuses."""
    activation, url = site.activation(), site.plane.endpoint
    for number, (asked, words) in enumerate(
        [
            (Join(url), "give --activation ID:CODE"),
            (Join(url, "x"), "give --activation ID:CODE"),
            (Join(url, f"{activation}x"), "refused this machine: The activation ID"),
            (Join(url, activation, cluster="nowhere"), "Cluster not found: nowhere"),
            (Join(url, activation, attributes={"ecs.x": "1"}), "Invalid attribute name"),
            (Join("ftp://plane", activation), "--join takes the URL"),
            (Join("http://me:you@plane", activation), "without a user"),
        ]
    ):
        data = tmp_path / f"m{number}"
        data.mkdir()
        with pytest.raises(NotAMember, match=words):
            join(data, asked, 1024, 2048)
    agent = remote(tmp_path / "machine", url).start()
    assert agent.ended() == EXIT_NOT_JOINED
    assert agent.said.endswith("give --activation ID:CODE of an SSM activation\n"), agent.said


def test_deregistered(site: Site, remote: Remote, tmp_path: Path) -> None:
    """Its session ends, it is told why, and it is not let in again; another activation makes it another."""
    agent = remote(tmp_path / "machine", site.plane.endpoint)
    agent.start("--activation", site.activation())
    [machine] = until(site.online, "it gets in")
    site.client("ssm").deregister_managed_instance(InstanceId=machine)
    until(lambda: "refused this node: the machine was deregistered" in agent.said, "it is told")
    until(lambda: "is not registered here any more" in agent.said, "it is turned away")
    assert "handshake" not in site.plane.errors.read_text()
    ecs = site.client("ecs")
    until(lambda: not ecs.list_container_instances()["containerInstanceArns"], "it leaves its cluster")
    agent.stop()


def authority(directory: Path, name: str) -> tuple[Path, Path]:
    """A private authority: its certificate and key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    return certificate, key


def certified(directory: Path, signed_by: tuple[Path, Path]) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    request, key = directory / "request.pem", directory / "plane.key"
    certificate, names = directory / "plane.pem", directory / "names"
    words = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-subj", "/CN=plane", "-keyout", str(key), "-out", str(request)]
    subprocess.run(words, check=True, capture_output=True)
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    words = ["openssl", "x509", "-req", "-in", str(request), "-days", "2", "-extfile", str(names)]
    words += ["-CA", str(signed_by[0]), "-CAkey", str(signed_by[1]), "-CAcreateserial"]
    subprocess.run([*words, "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def test_tls_with_an_authority_of_ones_own(
    own_plane: Make, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Without --ca, or with another, the agent does not join. 2. With it, it does, as do its tasks."""
    ours, other = authority(tmp_path, "ours"), authority(tmp_path, "other")
    certificate, key = certified(tmp_path, ours)
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    site = Site(own_plane("--auth", "sigv4", "--no-agent", *tls))
    assert site.plane.endpoint.startswith("https://127.0.0.1:")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(ours[0]))
    activation = site.activation()
    for options in ((), ("--ca", str(other[0]))):
        agent = remote(tmp_path / "machine", site.plane.endpoint, *options)
        assert agent.start("--activation", activation).ended() == EXIT_NOT_JOINED
        assert "no TLS with" in agent.said and "give --ca FILE" in agent.said
    agent = remote(tmp_path / "machine", site.plane.endpoint, "--ca", str(ours[0]))
    agent.start("--activation", activation)
    until(site.online, "it joins")
    ecs = site.client("ecs")
    script = 'test "$AWS_CA_BUNDLE" = "$CA" && test "$AWS_ENDPOINT_URL" = "$URL"'
    ecs.register_task_definition(
        family="trusts",
        requiresCompatibilities=["EXTERNAL"],
        containerDefinitions=[
            {
                "name": "main",
                "image": "host",
                "memory": 8,
                "command": ["sh", "-c", script],
                "environment": [
                    {"name": "CA", "value": str(ours[0])},
                    {"name": "URL", "value": site.plane.endpoint},
                ],
            }
        ],
    )
    [task] = ecs.run_task(taskDefinition="trusts", launchType="EXTERNAL")["tasks"]
    [stopped] = until(
        lambda: [
            found
            for found in ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
            if found["lastStatus"] == "STOPPED"
        ],
        "the task ends",
    )
    assert stopped["containers"][0]["exitCode"] == 0
    agent.stop()


def test_two_machines_ask_at_once(site: Site, remote: Remote, tmp_path: Path) -> None:
    """One registration is left: one of them gets it."""
    activation = site.activation()
    agents = [remote(tmp_path / f"m{number}", site.plane.endpoint) for number in range(2)]
    threads = [threading.Thread(target=agent.start, args=("--activation", activation)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(
        lambda: site.online() and any(agent.said.count("used for all") for agent in agents), "it is decided"
    )
    assert len(site.pings()) == 1

    def living() -> list[bool]:
        return sorted(agent.process.poll() is None for agent in agents if agent.process is not None)

    until(lambda: living() == [False, True], "the one that was refused has ended")
    for agent in agents:
        if agent.process is not None and agent.process.poll() is None:
            agent.stop()
