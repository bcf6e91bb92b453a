"""Functions of container images, through boto3: AWS's own runtime client inside. Needs root and crun."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_lambda_functions import code_of
from tests.contract.test_lambda_invoke import invoke
from tests.fault.soak import agents_of
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node.cgroups import parent_group, read_hierarchies

IMAGE = "tests/function:1"
START = 'mkdir -p /tmp/app; echo "$APP" > /tmp/app/app.py; cd /tmp/app; exec python3 -m awslambdaric "$@"'
"""The function comes in a variable, so that one image does for all of them."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    """A plane with the oci runner and an image of this host's Python; leaves no container behind."""
    data = tmp_path_factory.mktemp("images") / "data"
    words = ("image", "import", "--from-host", "--package", "awslambdaric", "--name", IMAGE, "--data", data)
    subprocess.run([sys.executable, "-m", "windlass", *map(str, words)], check=True, capture_output=True)
    running = PlaneProcess(data, "--runner", "oci").start()
    group = parent_group(data / "agent")
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert list((data / "agent" / "oci" / "units").iterdir()) == []
    assert list((data / "agent" / "oci" / "state").iterdir()) == []
    assert not [top for top in read_hierarchies().roots if (top / group.lstrip("/")).exists()]
    assert str(data) not in Path("/proc/mounts").read_text()


@pytest.fixture
def aws(plane: PlaneProcess, account: str) -> Any:
    return plane.client("lambda", account)


def deploy(aws: Any, account: str, source: str, wait: bool = True, **params: Any) -> dict[str, Any]:
    fields = {
        "FunctionName": "f",
        "PackageType": "Image",
        "Role": f"arn:aws:iam::{account}:role/r",
        "Code": {"ImageUri": IMAGE},
        "ImageConfig": {"EntryPoint": ["sh", "-c", START, "sh"], "Command": ["app.handler"]},
        "Environment": {"Variables": {"APP": source}},
        "MemorySize": 256,
        "Timeout": 30,
    }
    made = dict(aws.create_function(**{**fields, **params}))
    if wait:
        aws.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    return made


SOURCE = """
import os
def refused(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.strerror
def handler(event, context):
    print("in the image")
    if event == "die":
        os._exit(3)
    with open("/tmp/kept", "a") as kept:
        kept.write("x")
    return {"event": event, "user": os.getuid(), "kept": open("/tmp/kept").read(), "root": refused("/x"),
            "handler": os.environ["_HANDLER"], "task": os.environ["LAMBDA_TASK_ROOT"],
            "name": context.function_name}
"""


def test_an_image_runs_with_awss_own_client(plane: PlaneProcess, aws: Any, account: str) -> None:
    """Resolved while Pending; own user, a read-only root, a /tmp that outlives a crash; frozen at rest."""
    made = deploy(aws, account, SOURCE)
    assert (made["PackageType"], made["State"], made["CodeSize"]) == ("Image", "Pending", 0)
    assert not {"Runtime", "Handler"} & made.keys()
    assert made["ImageConfigResponse"]["ImageConfig"]["Command"] == ["app.handler"]
    code = aws.get_function(FunctionName="f")["Code"]
    assert (code["RepositoryType"], code["ImageUri"]) == ("ECR", IMAGE)
    repository, _, digest = code["ResolvedImageUri"].partition("@sha256:")
    shown = aws.get_function_configuration(FunctionName="f")
    assert (repository, len(digest), shown["CodeSha256"]) == ("tests/function", 64, digest)
    value, answer = invoke(aws, {"n": 1}, LogType="Tail")
    assert value == {
        "event": {"n": 1},
        "user": 993,
        "kept": "x",
        "root": "Read-only file system",
        "handler": "app.handler",
        "task": "/var/task",
        "name": "f",
    }
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ") and lines[1] == "in the image"
    assert "Init Duration: " in lines[-1]
    until(lambda: is_frozen(plane), "it is frozen")
    assert invoke(aws, {"n": 2})[0]["kept"] == "xx"
    assert invoke(aws, "die")[0]["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert invoke(aws, {"n": 3})[0]["kept"] in ("x", "xxx")  # of the same environment, or of a new one


def is_frozen(plane: PlaneProcess) -> bool:
    """Whether a container of the plane's is; true where the host cannot freeze."""
    found = read_hierarchies()
    if found.freezer is None:
        return True
    file, frozen = ("cgroup.freeze", "1") if found.version == 2 else ("freezer.state", "FROZEN")
    group = found.freezer / parent_group(plane.data / "agent").lstrip("/")
    return any(frozen in path.read_text() for path in group.glob(f"*/*/{file}"))


def test_updates_of_images(aws: Any, account: str) -> None:
    """Another command, another image; a package for an image function and the reverse are refused."""
    deploy(aws, account, "def handler(e, c): return 1\ndef other(e, c): return 2")
    config = {"EntryPoint": ["sh", "-c", START, "sh"], "Command": ["app.other"]}
    updated = aws.update_function_configuration(FunctionName="f", ImageConfig=config)
    assert updated["ImageConfigResponse"] == {"ImageConfig": config}
    aws.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    assert invoke(aws)[0] == 2
    again = aws.update_function_code(FunctionName="f", ImageUri=IMAGE, Publish=True)
    assert again["PackageType"] == "Image"
    aws.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    assert code_of(aws.update_function_code, FunctionName="f", ZipFile=b"x")[2] == (
        "Please provide ImageUri when updating a function with packageType Image."
    )
    failed = aws.update_function_code(FunctionName="f", ImageUri="127.0.0.1:9/none:1")
    assert failed["LastUpdateStatus"] == "InProgress"

    def ended() -> bool:
        return bool(aws.get_function_configuration(FunctionName="f")["LastUpdateStatus"] == "Failed")

    until(ended, "the update failed", 60)
    assert invoke(aws)[0] == 2  # the old one serves


def test_images_that_cannot_run(aws: Any, account: str) -> None:
    """No such image: Failed, with the reason. No such program or directory: the caller hears it."""
    deploy(aws, account, "", wait=False, Code={"ImageUri": "127.0.0.1:9/none:1"})

    def shown() -> dict[str, Any]:
        return dict(aws.get_function_configuration(FunctionName="f"))

    until(lambda: shown()["State"] == "Failed", "it failed", 60)
    assert shown()["StateReasonCode"] == "InvalidImage" and "127.0.0.1:9/none" in shown()["StateReason"]
    aws.delete_function(FunctionName="f")
    deploy(aws, account, "", ImageConfig={"EntryPoint": ["/no/such/program"]})
    value, answer = invoke(aws)
    assert (answer["FunctionError"], value["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
    assert "/no/such/program" in value["errorMessage"]
    config = {"EntryPoint": ["sh"], "WorkingDirectory": "/no/such/place"}
    aws.update_function_configuration(FunctionName="f", ImageConfig=config)
    aws.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    value, answer = invoke(aws)
    assert (answer["FunctionError"], value["errorType"]) == ("Unhandled", "Runtime.InvalidWorkingDir")


def test_a_killed_agent_leaves_no_container(plane: PlaneProcess, aws: Any, account: str) -> None:
    """kill -9 of the agent: what ran is gone when the next one is up, and events run again."""
    deploy(aws, account, "import os\ndef handler(e, c): return os.environ['WINDLASS_UNIT_ID']")
    before = invoke(aws)[0]
    assert processes_of(before)
    [agent] = agents_of(plane.data)
    os.kill(agent, signal.SIGKILL)
    until(lambda: agents_of(plane.data) not in ([], [agent]), "there is another agent", 60)

    def again() -> bool:
        value, answer = invoke(aws)
        return "FunctionError" not in answer and value != before

    until(again, "an event runs in another container", 60)
    until(lambda: not processes_of(before), "nothing is left of the first", 60)


def processes_of(unit_id: str) -> list[int]:
    """All on this machine that have the environment's mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"WINDLASS_UNIT_ID={unit_id}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found
