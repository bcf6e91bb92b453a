"""SnapStart with isolation, as root: places of restored environments; SIGKILL of the plane and the agent."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from tests.contract.test_lambda_functions import create
from tests.fault.waiting import until
from tests.lambda_build import a_zip_of
from tests.process import PlaneProcess
from windlass.node import proc

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]
SOURCE = """
import os, time, uuid
made = str(uuid.uuid4())
open("/tmp/made", "w").write(made)
def handler(event, context):
    time.sleep(0.3)  # until all of a burst have an environment
    open("/tmp/" + str(os.getpid()), "w")
    seen = sorted(os.listdir("/tmp"))
    file = open("/tmp/made").read()
    return {"made": made, "pid": os.getpid(), "uid": os.getuid(), "tmp": seen, "file": file}
"""
EXTENSION = """#!/usr/bin/python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
open("/tmp/extension", "w").write(str(os.getuid()))
asked = urllib.request.Request(api + "register", b'{"events": []}', {"Lambda-Extension-Name": "watch"})
key = "Lambda-Extension-Identifier"
urllib.request.urlopen(urllib.request.Request(
    api + "event/next", headers={key: urllib.request.urlopen(asked).headers[key]}
)).read()
"""


class Restored:
    """The function f of an isolated plane, and its version."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.plane = plane
        layer = self.aws().publish_layer_version(
            LayerName="l", Content={"ZipFile": a_zip_of({"extensions/watch": EXTENSION})}
        )
        create(
            self.aws(),
            ACCOUNT,
            "f",
            SOURCE,
            Runtime="python3.12",
            Timeout=60,
            SnapStart={"ApplyOn": "PublishedVersions"},
            Layers=[layer["LayerVersionArn"]],
        )
        self.aws().get_waiter("function_active_v2").wait(FunctionName="f")
        self.aws().publish_version(FunctionName="f")
        until(lambda: self.state() == "Active", "the version has its snapshot")

    def aws(self) -> Any:
        return self.plane.client("lambda", ACCOUNT, max_pool_connections=30)

    def state(self) -> str:
        return str(self.aws().get_function_configuration(FunctionName="f", Qualifier="1")["State"])

    def burst(self, size: int) -> list[dict[str, Any]]:
        """What so many events at once see."""
        aws = self.aws()

        def one(_: int) -> dict[str, Any]:
            answer = aws.invoke(FunctionName="f", Qualifier="1")
            found: dict[str, Any] = json.loads(answer["Payload"].read())
            assert "made" in found, found
            return found

        with ThreadPoolExecutor(size) as callers:
            return list(callers.map(one, range(size)))

    @property
    def agent(self) -> int:
        return int((self.plane.data / "agent" / "agent.pid").read_text())


def test_snapshots_outlive_the_plane_and_not_their_agent(own_plane: Make) -> None:
    """1. Environments at once: one initialisation, one user, a /tmp each, an extension in the same place.

    2. A new plane restores from the same snapshot. 3. A new agent makes another; nothing fails meanwhile.
    4. With the version everything goes.
    """
    restored = Restored(own_plane(isolated=True))
    first = restored.burst(2)
    assert len({one["made"] for one in first}) == 1 and len({one["pid"] for one in first}) == 2
    [user] = {one["uid"] for one in first}
    assert user >= 1_900_000_000
    for one in first:
        shown = [name for name in one["tmp"] if name in ("made", "extension") or name.isdigit()]
        assert shown == [str(one["pid"]), "extension", "made"] and one["file"] == one["made"]

    port = restored.plane.port
    restored.plane.kill()
    restored.plane.start(port)
    assert {one["made"] for one in restored.burst(4)} == {first[0]["made"]}

    before = restored.agent
    os.kill(before, signal.SIGKILL)
    until(lambda: restored.agent != before, "there is another agent")
    [alone] = restored.burst(1)
    assert alone["made"] != first[0]["made"]

    sizes = count(2)

    def again() -> bool:
        """Each time there is a new environment; of those that initialise themselves no two are alike."""
        return max(Counter(one["made"] for one in restored.burst(next(sizes))).values()) > 1

    until(again, "environments are restored again")
    restored.aws().delete_function(FunctionName="f")
    until(lambda: not _functions(restored.agent), "its processes are gone")


def _functions(agent: int) -> list[int]:
    """Processes of f: snapshots, environments, and what is to become one."""
    ours = ("function f", "snapshot f", "restored spare")
    titles = {pid: " ".join(proc.command_line(pid)) for pid in proc.children_of(agent)}
    return [pid for pid, title in titles.items() if title.endswith(ours)]
