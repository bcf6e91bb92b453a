"""Tasks in containers of a real Docker daemon. Needs root and docker.io: setup-system."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.contract.data_channel import DataChannel
from tests.contract.test_cli import refused
from tests.contract.test_ecs_exec import Site, windlass_exec
from tests.contract.test_oci import Tasks, windlass
from tests.dockerd import IMAGE, Dockerd, a_dockerd
from tests.fault.waiting import until
from tests.image_build import busybox_root, config_of, saved
from tests.process import PlaneProcess
from windlass.node.images import sources


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_root(tmp_path_factory.mktemp("root") / "root")


@pytest.fixture(scope="module")
def dockerd(root: Path) -> Iterator[Dockerd]:
    with a_dockerd() as daemon:
        daemon.add_image(root)
        yield daemon


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, dockerd: Dockerd) -> Iterator[PlaneProcess]:
    """A plane with the docker runner; leaves no container and no volume behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", dockerd.host)
        patch.setenv("ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached")
        running = PlaneProcess(tmp_path_factory.mktemp("docker") / "data", "--runner", "docker").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    assert dockerd.containers() == []
    assert dockerd.volumes() == []
    assert "ERROR" not in (running.data / "agent" / "agent.log").read_text()


@pytest.fixture
def tasks(plane: PlaneProcess, account: str) -> Tasks:
    return Tasks(plane, account)


def test_a_container_of_docker(tasks: Tasks, dockerd: Dockerd, account: str) -> None:
    """A world of its own, the ECS agent's labels and its definition's; output and exit code come back."""
    script = "echo $$; id -u; pwd; while ! test -e /tmp/go; do sleep 0.05; done; exit 7"
    arn = tasks.start(
        command=["sh", "-c", f"mkdir -p /tmp; {script}"],
        workingDirectory="/etc",
        dockerLabels={"team": "red"},
    )
    tasks.reach(arn, "RUNNING")
    [shown] = dockerd.containers(f"com.amazonaws.ecs.task-arn={arn}")
    assert shown["Labels"]["team"] == "red"
    assert shown["Labels"]["com.amazonaws.ecs.container-name"] == "main"
    assert shown["Labels"]["com.amazonaws.ecs.task-definition-family"] == "t"
    made = dockerd.call("POST", f"/containers/{shown['Id']}/exec", {"Cmd": ["sh", "-c", "echo > /tmp/go"]})
    dockerd.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 7
    assert tasks.lines(arn) == ["1", "0", "/etc"]
    until(lambda: not dockerd.containers(f"com.amazonaws.ecs.task-arn={arn}"), "it is removed")


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"image": "nowhere.invalid/a:1"}, "CannotPullContainerError: Error response from daemon: "),
        ({"image": "No Name"}, "CannotPullContainerError: invalid image reference 'No Name'"),
        ({"command": ["nosuch"]}, "CannotStartContainerError: Error response from daemon: "),
        ({"command": ["/etc/passwd"]}, "CannotStartContainerError: Error response from daemon: "),
        ({}, "CannotCreateContainerError: Error response from daemon: No command specified"),
        ({"command": ["a\0b"]}, "CannotCreateContainerError: a NUL character"),
        ({"command": ["true"], "user": "nobody"}, "CannotStartContainerError: Error response from daemon: "),
    ],
)  # fmt: skip
def test_what_cannot_start(tasks: Tasks, container: dict[str, Any], reason: str) -> None:
    """The task stops as TaskFailedToStart; its container says why."""
    tasks.fails_to_start(reason, **container)


def test_settings(tasks: Tasks) -> None:
    """User, environment, ulimits, read-only root, tmpfs, capabilities."""
    linux = {"tmpfs": [{"containerPath": "/run", "size": 1}], "capabilities": {"drop": ["ALL"]}}
    written = "echo x > /run/file && cat /run/file; { echo x > /file; } 2>/run/why || cat /run/why"
    _, _, lines = tasks.run(  # all of it on stdout: Docker keeps no order between that and stderr
        f"id; echo $A; ulimit -n; {written}", user="app", readonlyRootFilesystem=True, linuxParameters=linux,
        environment=[{"name": "A", "value": "1"}],
        ulimits=[{"name": "nofile", "softLimit": 99, "hardLimit": 100}],
    )  # fmt: skip
    assert lines[:4] == ["uid=1001(app) gid=1002(app) groups=1002(app),1003(extra)", "1", "99", "x"]
    assert "Read-only file system" in lines[4]


def test_memory(tasks: Tasks) -> None:
    """A container that takes more than it may is killed, and the reason is AWS's."""
    code, reason, lines = tasks.run("echo begin; x=0123456789abcdef; while true; do x=$x$x; done")
    assert (code, reason) == (137, "OutOfMemoryError: Container killed due to memory usage")
    assert lines == ["begin"]


def test_much_output(tasks: Tasks) -> None:
    """All of it, in order, with lines that Docker cuts in pieces, and a last one without an end."""
    long = "x=0123456789; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do x=$x$x; done; echo $x"
    count = "i=0; while test $i -lt 3000; do i=$((i+1)); echo $i; done"
    arn = tasks.start(command=["sh", "-c", f"{count}; {long}; printf end"])
    tasks.reach(arn, "STOPPED")
    logs: Any = tasks.plane.client("logs", tasks.account)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/ecs/t")
    lines = [event["message"] for page in pages for event in page["events"]]
    assert lines == [*map(str, range(1, 3001)), "0123456789" * 4096, "end"]


def test_volumes(plane: PlaneProcess, account: str, tmp_path: Path) -> None:
    """A volume of the task's own is shared by its containers; a host directory can be read only."""
    (tmp_path / "in").write_text("5\n")
    ecs: Any = plane.client("ecs", account)
    ecs.create_cluster()
    shared = {"sourceVolume": "shared", "containerPath": "/v"}
    host = {"sourceVolume": "host", "containerPath": "/ro", "readOnly": True}
    first = {"name": "first", "image": IMAGE, "memory": 32, "essential": False, "mountPoints": [shared, host],
             "command": ["sh", "-c", "cat /ro/in > /v/code; echo no > /ro/never"]}  # fmt: skip
    second = {"name": "second", "image": IMAGE, "memory": 32, "mountPoints": [shared],
              "dependsOn": [{"containerName": "first", "condition": "COMPLETE"}],
              "command": ["sh", "-c", "exit $(cat /v/code)"]}  # fmt: skip
    ecs.register_task_definition(
        family="v", containerDefinitions=[first, second],
        volumes=[{"name": "shared"}, {"name": "host", "host": {"sourcePath": str(tmp_path)}}],
    )  # fmt: skip
    arn = ecs.run_task(taskDefinition="v")["tasks"][0]["taskArn"]
    task = Tasks(plane, account).reach(arn, "STOPPED")
    assert {c["name"]: c["exitCode"] for c in task["containers"]} == {"first": 1, "second": 5}
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(("trap", "code"), [("trap 'exit 4' TERM; ", 4), ("trap '' TERM; ", 137)])
def test_stopping(tasks: Tasks, trap: str, code: int) -> None:
    """SIGTERM, and SIGKILL when that does not help; a paused container ends as well."""
    arn = tasks.start(
        command=["sh", "-c", f"{trap}echo ready; while true; do sleep 0.05; done"], stopTimeout=1
    )
    tasks.reach(arn, "RUNNING")
    until(lambda: tasks.lines(arn) == ["ready"], "its output")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == code


def test_what_others_do_to_a_container(tasks: Tasks, dockerd: Dockerd) -> None:
    """Paused by somebody, it can be stopped; removed by somebody, it is a task that ended."""
    paused, removed = (tasks.start(command=["sleep", "600"], stopTimeout=1) for _ in range(2))
    ids = {}
    for arn in (paused, removed):
        tasks.reach(arn, "RUNNING")
        [shown] = dockerd.containers(f"com.amazonaws.ecs.task-arn={arn}")
        ids[arn] = shown["Id"]
    dockerd.call("POST", f"/containers/{ids[paused]}/pause")
    tasks.ecs.stop_task(task=paused)
    dockerd.call("DELETE", f"/containers/{ids[removed]}", force=1)
    assert tasks.reach(paused, "STOPPED")["containers"][0]["exitCode"] == 137
    assert tasks.reach(removed, "STOPPED")["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["CMD-SHELL", "test $A$(id -u)$(pwd) = 177/etc"], "HEALTHY"),
        (["CMD", "nosuch"], "UNHEALTHY"),
        (["CMD", "sleep", "600"], "UNHEALTHY"),
    ],
)
def test_health_checks(tasks: Tasks, command: list[str], status: str) -> None:
    """A check is a process of the container: its user, environment, directory; all of them can end."""
    check = {"command": command, "interval": 5, "timeout": 2, "retries": 1}
    arn = tasks.start(
        command=["sleep", "600"], user="77:88", workingDirectory="/etc", healthCheck=check, stopTimeout=1,
        environment=[{"name": "A", "value": "1"}],
    )  # fmt: skip
    until(lambda: tasks.show(arn)["healthStatus"] == status, f"it is {status}")
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 137


def test_images_of_our_store(
    plane: PlaneProcess, tasks: Tasks, root: Path, tmp_path: Path, dockerd: Dockerd
) -> None:
    """An imported image is loaded into Docker when it is first used, layers, whiteouts, settings and all."""
    sources.pack(root, tmp_path / "layer.tar")
    layers = [(tmp_path / "layer.tar").read_bytes()]
    run = {"Entrypoint": ["sh", "-c"], "Cmd": ["echo $A; pwd; id -u"], "Env": ["A=1"], "WorkingDir": "/etc",
           "User": "app"}  # fmt: skip
    archive = saved(tmp_path / "a.tar", layers, ["team/app:1"], config_of(layers, **run))
    done = windlass("image", "import", str(archive), "--data", str(plane.data))
    assert done.returncode == 0, done.stderr
    assert tasks.run(image="team/app:1")[2] == ["1", "/etc", "1001"]
    names = [tag for image in dockerd.call("GET", "/images/json") for tag in image["RepoTags"] or ()]
    assert [name for name in names if name.startswith("windlass-store:")]
    assert "team/app:1" not in names, "no name of the user's own is taken"


def test_a_network_of_the_tasks_own(plane: PlaneProcess, account: str) -> None:
    """Mode awsvpc: the interface's address, localhost shared by the containers, the plane within reach."""
    ec2: Any = plane.client("ec2", account)
    ecs: Any = plane.client("ecs", account)
    ecs.create_cluster()
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    look = "cat /proc/net/fib_trie > /v/$NAME; busybox readlink /proc/self/ns/net > /v/$NAME.ns"
    ask = "busybox wget -q -O - $AWS_ENDPOINT_URL/nothing 2> /v/$NAME.plane"
    ask += "; busybox wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task > /v/$NAME.task"
    volume = [{"sourceVolume": "v", "containerPath": "/v"}]
    containers: list[dict[str, Any]] = [
        {"name": name, "image": IMAGE, "memory": 32, "essential": False, "mountPoints": volume,
         "environment": [{"name": "NAME", "value": name}],
         "command": ["sh", "-c", f"{look}; {ask}"]}
        for name in ("a", "b")
    ]  # fmt: skip
    containers[0] |= {"essential": True, "dependsOn": [{"containerName": "b", "condition": "COMPLETE"}]}
    with tempfile.TemporaryDirectory() as shared:
        ecs.register_task_definition(
            family="n", networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=containers,
            volumes=[{"name": "v", "host": {"sourcePath": shared}}],
        )  # fmt: skip
        where = {"awsvpcConfiguration": {"subnets": [subnet]}}
        [task] = ecs.run_task(taskDefinition="n", networkConfiguration=where)["tasks"]
        ended = Tasks(plane, account).reach(task["taskArn"], "STOPPED")
        assert {c["name"]: c["exitCode"] for c in ended["containers"]} == {"a": 0, "b": 0}
        found = {path.name: path.read_text() for path in Path(shared).iterdir()}
    details = {d["name"]: d["value"] for d in ended["attachments"][0]["details"]}
    address = details["privateIPv4Address"]
    assert f"|-- {address}" in found["a"]
    assert found["a.ns"] == found["b.ns"] != str(Path("/proc/self/ns/net").readlink())
    assert "server returned error" in found["b.plane"], "an answer of the plane, which knows no such path"
    assert json.loads(found["b.task"])["Family"] == "n"


def test_networks_of_containers(tasks: Tasks) -> None:
    """Mode none has no way out; mode bridge leads a port of the node to the container."""
    alone = {"name": "main", "image": IMAGE, "memory": 32, "command": ["ls", "/sys/class/net"]}
    tasks.ecs.register_task_definition(family="alone", networkMode="none", containerDefinitions=[alone])
    arn = tasks.ecs.run_task(taskDefinition="alone")["tasks"][0]["taskArn"]
    tasks.reach(arn, "STOPPED")
    logs: Any = tasks.plane.client("logs", tasks.account)
    lines = [event["message"] for event in logs.filter_log_events(logGroupName="/ecs/alone")["events"]]
    assert lines == ["lo"]
    script = "mkdir -p /w; echo hello > /w/index.html; exec busybox httpd -f -p 80 -h /w"
    arn = tasks.start(command=["sh", "-c", script], portMappings=[{"containerPort": 80}], stopTimeout=1)
    [binding] = tasks.reach(arn, "RUNNING")["containers"][0]["networkBindings"]

    def answered() -> bytes:
        with (
            suppress(OSError),
            urlopen(f"http://127.0.0.1:{binding['hostPort']}/index.html", timeout=2) as page,
        ):
            return bytes(page.read())
        return b""

    assert until(answered, "the page") == b"hello\n"
    tasks.ecs.stop_task(task=arn)
    assert tasks.reach(arn, "STOPPED")["containers"][0]["exitCode"] == 137


def test_status_tells_the_runner(plane: PlaneProcess) -> None:
    found = json.loads(windlass("status", "--json", "--endpoint", plane.endpoint).stdout)
    assert found["runner"] == "docker"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("unix:///nonexistent/docker.sock", "no Docker daemon answers on unix:///nonexistent/docker.sock"),
        ("tcp://127.0.0.1:1", "no Docker daemon answers on tcp://127.0.0.1:1"),
        ("ssh://host", "only unix:///PATH and tcp://HOST:PORT can be used"),
    ],
)
def test_no_daemon_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, says: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    line = refused(windlass("up", "--runner", "docker", "--port", "0", "--data", str(tmp_path)))
    assert says in line


def test_commands_in_a_container(plane: PlaneProcess, account: str) -> None:
    """A terminal of the container's own, as root; pipes with bytes and an exit code; ends with its task."""
    ecs = plane.client("ecs", account)
    ecs.create_cluster()
    site = Site(ecs)
    site.run(image=IMAGE, user="1000", stopTimeout=2)
    shell = DataChannel(site.ask("env PS1= sh")["session"]).handshake()
    shell.resize(90, 40)
    shell.type("id -u; tty; stty size; exit 9\r")
    shell.see("0\r\n/dev/pts/0\r\n40 90\r\n")
    assert shell.end()["ExitCode"] == 9
    done = windlass_exec(plane, site.task, "sh", "-c", "cat; echo x >&2; exit 4", input=b"\x00\xff" * 50_000)
    assert b"x\n" in done.stdout, "errors, wherever Docker put them: it has a pipe for each"
    assert (done.returncode, done.stdout.replace(b"x\n", b"")) == (4, b"\x00\xff" * 50_000)
    shell = DataChannel(site.ask("sleep 1234")["session"]).handshake()
    shell.vanish()
    gone = "while ps | grep -q '[s]leep 1234'; do sleep 0.1; done"
    assert windlass_exec(plane, site.task, "sh", "-c", gone).returncode == 0
    assert "nosuch" in DataChannel(site.ask("nosuch")["session"]).handshake().output_or_end()
    shell = DataChannel(site.ask("sh -c 'trap \"\" HUP TERM; echo ready; sleep 1000'")["session"]).handshake()
    shell.see("ready")
    site.ecs.stop_task(task=site.task)
    shell.end()
    site.reach("STOPPED")
