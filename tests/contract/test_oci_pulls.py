"""Tasks whose images come from a registry: pulled once for all that wait, told as AWS tells it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.test_oci import Tasks, windlass
from tests.fault.waiting import until
from tests.image_build import busybox_root, entry, tar_of
from tests.image_registry import Asked, DebianRegistry, Pushed, SmallRegistry, small_registry
from tests.process import PlaneProcess
from windlass.cli.admin_client import AdminClient
from windlass.node.images.places import open_store


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A layer with a shell."""
    root = busybox_root(tmp_path_factory.mktemp("root") / "root")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(root, ".")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    found = DebianRegistry(tmp_path_factory.mktemp("registry") / "r")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    running = PlaneProcess(tmp_path_factory.mktemp("pulls") / "data", "--runner", "oci").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert list((running.data / "agent" / "images" / "new").iterdir()) == []


@pytest.fixture
def tasks(plane: PlaneProcess, account: str) -> Tasks:
    return Tasks(plane, account)


@pytest.fixture
def small(busybox: bytes) -> Iterator[SmallRegistry]:
    with small_registry(Pushed([tar_of([entry("new", os.urandom(99))]), busybox], Cmd=["true"])) as found:
        yield found


def test_a_task_from_a_registry(tasks: Tasks, registry: DebianRegistry, busybox: bytes) -> None:
    """Its image is pulled; the task says when, and its container which image that was."""
    image = Pushed([busybox], Cmd=["sh", "-c", "exit 5"])
    task = tasks.reach(tasks.start(image=registry.push(image, "team/app", "1")), "STOPPED")
    [container] = task["containers"]
    assert container["exitCode"] == 5
    assert container["imageDigest"] == image.digest
    assert task["createdAt"] <= task["pullStartedAt"] < task["pullStoppedAt"] <= task["startedAt"]
    listed = json.loads(windlass("image", "ls", "--json", "--data", str(tasks.plane.data)).stdout)
    assert (image.digest, True) in {(found["digest"], found["pulled"]) for found in listed}


def test_ten_tasks_one_pull(tasks: Tasks, small: SmallRegistry) -> None:
    """1. Ten tasks want an image at once. 2. Its layer is fetched once. 3. All run."""
    shape = {"name": "main", "image": f"{small.host}/app:1", "memory": 16}
    tasks.ecs.register_task_definition(family="t", containerDefinitions=[shape])
    arns = [task["taskArn"] for task in tasks.ecs.run_task(taskDefinition="t", count=10)["tasks"]]
    ended = [tasks.reach(arn, "STOPPED") for arn in arns]
    assert [task["containers"][0]["exitCode"] for task in ended] == [0] * 10
    assert len(small.of_blobs()) == 1


def test_a_tag_is_asked_for_again(tasks: Tasks, small: SmallRegistry) -> None:
    """The default: each launch asks what the tag means; when nobody answers, what is here is used."""
    reference = f"{small.host}/app:1"
    assert tasks.run(image=reference)[0] == 0
    small.asked.clear()
    assert tasks.run(image=reference)[0] == 0
    assert [(asked.method, asked.path) for asked in small.asked] == [("HEAD", "/v2/app/manifests/1")]
    small.asked.clear()
    small.trick = lambda asked: not asked.answer(503)
    assert tasks.run(image=reference)[0] == 0
    assert len(small.asked) == 2, "with an image at hand it does not wait long"
    small.asked.clear()
    pinned = tasks.reach(tasks.start(image=f"{small.host}/app@{small.image.digest}"), "STOPPED")
    assert pinned["containers"][0]["exitCode"] == 0
    assert "pullStartedAt" not in pinned
    assert small.asked == []


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
         "CannotPullContainerError: manifest for {image} not found: manifest unknown: manifest unknown"),
        (403, b"", "CannotPullContainerError: pull access denied for {image}, repository does not exist or "
         "may require 'docker login': denied: requested access to the resource is denied"),
    ],
)  # fmt: skip
def test_why_there_is_no_image(
    tasks: Tasks, small: SmallRegistry, status: int, body: bytes, reason: str
) -> None:
    """The container's reason is the agent's name for it and Docker's words."""
    small.trick = lambda asked: not asked.answer(status, body)
    image = f"{small.host}/app:1"
    task = tasks.reach(tasks.start(image=image), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"] == reason.format(image=image)
    assert task["pullStartedAt"] <= task["pullStoppedAt"]


def test_fargate_says_it_of_the_task_too(tasks: Tasks, small: SmallRegistry) -> None:
    """There the task's stoppedReason is the container's."""
    small.trick = lambda asked: not asked.answer(404)
    tasks.ecs.register_task_definition(
        family="f", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[{"name": "main", "image": f"{small.host}/app:1"}],
    )  # fmt: skip
    subnet = tasks.plane.client("ec2", tasks.account).describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet]}}
    started = tasks.ecs.run_task(taskDefinition="f", launchType="FARGATE", networkConfiguration=network)
    task = tasks.reach(started["tasks"][0]["taskArn"], "STOPPED")
    assert task["stoppedReason"].startswith("CannotPullContainerError: manifest for ")
    assert task["stoppedReason"] == task["containers"][0]["reason"]


def test_events_tell_of_the_pull(tasks: Tasks, small: SmallRegistry) -> None:
    arn = tasks.start(image=f"{small.host}/app:1")
    tasks.reach(arn, "STOPPED")
    entries = AdminClient(tasks.plane.endpoint).get("journal", since="0")["entries"]
    assert [entry["what"] for entry in entries if entry["subject"] == arn][1:3] == ["pulling", "pulled"]


def test_a_pull_that_is_killed(tasks: Tasks, small: SmallRegistry) -> None:
    """The task fails and says so; the next one gets the image."""

    def kill(asked: Asked) -> bool:
        for pid in workers_of(tasks.plane.data):
            os.kill(int(pid), signal.SIGKILL)
        return True

    small.trick = kill
    task = tasks.reach(tasks.start(image=f"{small.host}/app:1"), "STOPPED")
    assert task["containers"][0]["reason"] == "CannotPullContainerError: the pull ended with exit code 137"
    small.trick = lambda asked: False
    assert tasks.run(image=f"{small.host}/app:1")[0] == 0


def test_an_agent_that_is_killed_while_it_pulls(
    own_plane: Callable[..., PlaneProcess], small: SmallRegistry, account: str
) -> None:
    """1. A registry hangs. 2. The agent is killed. 3. The pull ends with it; the next task gets the image."""
    plane = own_plane("--runner", "oci")
    tasks = Tasks(plane, account)
    let_go = threading.Event()
    small.trick = lambda asked: not let_go.wait(120)
    arn = tasks.start(image=f"{small.host}/app:1")
    until(lambda: "pullStartedAt" in tasks.show(arn), "it is pulled")
    os.kill(int((plane.data / "agent" / "agent.pid").read_text()), signal.SIGKILL)
    until(lambda: not workers_of(plane.data), "nobody listens to it any more")
    tasks.ecs.stop_task(task=arn)
    tasks.reach(arn, "STOPPED")
    let_go.set()
    small.trick = lambda asked: False
    assert tasks.run(image=f"{small.host}/app:1")[0] == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose images have 8 MiB."""
    images = tmp_path / "data" / "agent" / "images"
    images.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(images)], check=True)
    yield tmp_path / "data"
    subprocess.run(["umount", str(images)], check=True)


def test_a_disk_that_fills_in_the_middle(
    small_disk: Path, own_plane: Callable[..., PlaneProcess], busybox: bytes, account: str
) -> None:
    """The task fails with the reason; nothing of the image stays, and one that fits runs."""
    tasks = Tasks(own_plane("--runner", "oci", data=small_disk), account)
    big = tar_of([entry("zeros", bytes(16 * 2**20))])
    with small_registry(Pushed([big, busybox], Cmd=["true"])) as registry:
        task = tasks.reach(tasks.start(image=f"{registry.host}/big:1"), "STOPPED")
    reason = task["containers"][0]["reason"]
    assert reason.startswith("CannotPullContainerError: ")
    assert reason.endswith("no space left on device")
    images = small_disk / "agent" / "images"
    assert [path for name in ("new", "downloads") for path in (images / name).iterdir()] == []
    with small_registry(Pushed([busybox], Cmd=["true"])) as registry:
        assert tasks.run(image=f"{registry.host}/small:1")[0] == 0


def test_stopping_a_task_that_is_pulled(tasks: Tasks, small: SmallRegistry) -> None:
    """1. A registry hangs. 2. Of two tasks one is stopped, then the other. 3. Both end; so does the pull."""
    let_go = threading.Event()

    def hang(asked: Asked) -> bool:
        return not let_go.wait(120)

    small.trick = hang
    arns = [tasks.start(image=f"{small.host}/app:1") for _ in range(2)]
    until(lambda: all("pullStartedAt" in tasks.show(arn) for arn in arns), "both wait")
    pull = workers_of(tasks.plane.data)
    assert len(pull) == 1
    tasks.ecs.stop_task(task=arns[0])
    ended = tasks.reach(arns[0], "STOPPED")
    assert ended["stopCode"] == "UserInitiated"
    assert "exitCode" not in ended["containers"][0]
    assert workers_of(tasks.plane.data) == pull
    tasks.ecs.stop_task(task=arns[1])
    tasks.reach(arns[1], "STOPPED")
    until(lambda: not workers_of(tasks.plane.data), "nobody wants it any more")
    let_go.set()


def workers_of(data: Path) -> list[str]:
    """Pids of processes that pull for that plane's agent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"windlass.node.images.worker" in words and str(data).encode() in words[-2]:
            found.append(path.parent.name)
    return found


def test_collecting(plane: PlaneProcess, tasks: Tasks, small: SmallRegistry, busybox: bytes) -> None:
    """What runs stays, what was imported stays, the rest goes: by hand, with no plane asked."""
    words = ("image", "gc", "--minimum-age", "0s", "--data", str(plane.data))
    reference = f"{small.host}/app:1"
    arn = tasks.start(image=reference, command=["sleep", "600"], stopTimeout=1)
    tasks.reach(arn, "RUNNING")
    assert reference not in windlass(*words).stdout
    tasks.ecs.stop_task(task=arn)
    tasks.reach(arn, "STOPPED")
    until(lambda: reference in windlass(*words, "--dry-run").stdout, "nothing has it any more")
    assert open_store(plane.data).find(reference) is not None
    assert reference in windlass(*words).stdout
    assert open_store(plane.data).find(reference) is None


def test_pull_by_hand(tmp_path: Path, registry: DebianRegistry) -> None:
    """`windlass image pull`, and what goes wrong with it in one line."""
    data = ("--data", str(tmp_path / "data"))
    reference = registry.push(Pushed([tar_of([entry("x", b"y")])]), "hand", "1")
    done = windlass("image", "pull", reference, *data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(reference)
    failed = windlass("image", "pull", f"{registry.host}/nosuch", *data)
    assert failed.returncode != 0
    assert "nosuch:latest not found: " in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_settings_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECS_IMAGE_PULL_BEHAVIOR", "sometimes")
    done = windlass("up", "--port", "0", "--runner", "oci", "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "ECS_IMAGE_PULL_BEHAVIOR is one of default, always, once, prefer-cached" in done.stderr


def test_all_tasks_of_a_revision_run_the_image_of_its_first(
    tasks: Tasks, registry: DebianRegistry, busybox: bytes
) -> None:
    """1. A service of one task. 2. Its tag means another. 3. Scaled: the first. 4. Deployed: the other."""
    command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
    one, two = (Pushed([busybox], Cmd=command, Env=[f"VERSION={number}"]) for number in (1, 2))
    shape = {"name": "main", "image": registry.push(one, "team/service", "latest"), "memory": 16}
    ecs = tasks.ecs
    ecs.register_task_definition(family="web", containerDefinitions=[shape])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)

    def running(count: int) -> set[str]:
        """The digests of its tasks' images, once so many run and no others."""
        arns = ecs.list_tasks(serviceName="web")["taskArns"]
        found = ecs.describe_tasks(tasks=arns)["tasks"] if arns else []
        up = [task["containers"][0] for task in found if task["lastStatus"] == "RUNNING"]
        return {one.get("imageDigest", "") for one in up} if len(up) == len(arns) == count else set()

    assert until(lambda: running(1), "the first runs") == {one.digest}
    registry.push(two, "team/service", "latest")
    ecs.update_service(service="web", desiredCount=3)
    assert until(lambda: running(3), "three run") == {one.digest}
    [service] = ecs.describe_services(services=["web"])["services"]
    [revision] = ecs.describe_service_revisions(
        serviceRevisionArns=[service["currentServiceRevisions"][0]["arn"]]
    )["serviceRevisions"]
    assert revision["containerImages"] == [
        {"containerName": "main", "image": shape["image"], "imageDigest": one.digest}
    ]
    ecs.update_service(service="web", desiredCount=1, forceNewDeployment=True)
    assert until(lambda: running(1) == {two.digest}, "the other image runs")
    ecs.delete_service(service="web", force=True)
    until(lambda: not ecs.list_tasks(serviceName="web")["taskArns"], "its tasks end")
