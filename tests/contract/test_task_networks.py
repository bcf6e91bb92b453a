"""Tasks in networks of their own, as users run them: addresses, groups, endpoints, ports. As root."""

from __future__ import annotations

import asyncio
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_oci import IMAGE, windlass
from tests.fault.waiting import until
from tests.image_build import busybox_root
from tests.process import PlaneProcess
from windlass.node.network import leftovers, names, namespaces
from windlass.node.network.opening import tag_of
from windlass.proxy.dial import dial

ACCOUNT = "000000000077"
SERVE = "import http.server as s; s.test(s.SimpleHTTPRequestHandler, port=80, bind='0.0.0.0')"
ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=float(sys.argv[2])).status)"
LOOK = """
import json, os, urllib.request as r
get = lambda url: json.loads(r.urlopen(url).read())
me = get(os.environ["ECS_CONTAINER_METADATA_URI_V4"])["Networks"][0]
assert me["IPv4Addresses"] == [os.environ["WINDLASS_TASK_ADDRESS"]], me
assert me["NetworkMode"] == "awsvpc" and me["SubnetGatewayIpv4Address"] == "172.31.0.1/20", me
stats = get(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/stats")
assert stats["networks"]["eth0"]["rx_bytes"] > 0, stats
keys = get("http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
assert keys["AccessKeyId"].startswith("ASIA"), keys
try:
    get(os.environ["AWS_ENDPOINT_URL"] + "/_windlass/status")
except r.HTTPError as error:
    assert error.code == 403
else:
    raise SystemExit("a task got through the admin's door")
"""


class Vpc:
    """A plane's default VPC, and Fargate tasks in its first subnet."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.ecs: Any = plane.client("ecs", ACCOUNT)
        self.ec2: Any = plane.client("ec2", ACCOUNT)
        self.iam: Any = plane.client("iam", ACCOUNT)
        self.ecs.create_cluster()
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        trust = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            '"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}'
        )
        self.role = self.iam.create_role(RoleName="task", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def group(self, name: str) -> str:
        return str(self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"])

    def allow(self, group: str, other: str) -> None:
        """Port 80 of members of `group` from members of `other`."""
        peers = [{"GroupId": other}]
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": peers}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def start(self, group: str, *containers: dict[str, Any]) -> str:
        self.ecs.register_task_definition(
            family="t",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            taskRoleArn=self.role,
            containerDefinitions=[{"image": IMAGE, **container} for container in containers],
        )
        configuration = {"subnets": [self.subnet], "securityGroups": [group]}
        started = self.ecs.run_task(
            taskDefinition="t",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": configuration},
        )
        return str(started["tasks"][0]["taskArn"])

    def reach(self, arn: str, status: str) -> dict[str, Any]:
        def task() -> dict[str, Any]:
            found: dict[str, Any] = self.ecs.describe_tasks(tasks=[arn])["tasks"][0]
            return found

        until(lambda: task()["lastStatus"] == status, f"the task is {status}")
        return task()

    def python(self, group: str, script: str, *words: str) -> str:
        command = [sys.executable, "-c", script, *words]
        return self.start(group, {"name": "main", "command": command})

    def exit_code(self, arn: str) -> int | None:
        code: int | None = self.reach(arn, "STOPPED")["containers"][0].get("exitCode")
        return code


def leaves_nothing(data: Path) -> None:
    """No namespace, interface or table of that directory's agent."""
    mounts = namespaces.mounts()
    assert not [left for left in leftovers.find(mounts) if left.tag == tag_of(data / "agent")]


def from_the_router(data: Path, vpc: Vpc, url: str) -> bool:
    """Whether a task answers as proxies dial it, which pass no groups."""
    router = names.namespace(tag_of(data / "agent"), vpc.ec2.describe_vpcs()["Vpcs"][0]["VpcId"])

    async def ask() -> bytes:
        connection = await dial(url.split("/")[2], 80, router)
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        try:
            return await reader.readline()
        finally:
            writer.close()

    try:
        return b" 200 " in asyncio.run(asyncio.wait_for(ask(), 10))
    except OSError:
        return False


def test_tasks_of_the_process_runner_have_addresses_and_groups(tmp_path: Path) -> None:
    """Two serve port 80 at once; who may ask is what the groups say now; in the end nothing is left."""
    plane = PlaneProcess(tmp_path / "data", "--runner", "process").start()
    vpc = Vpc(plane)
    web, other = vpc.group("web"), vpc.group("other")
    vpc.allow(web, web)
    servers = [vpc.python(web, SERVE) for _ in range(2)]
    urls = []
    for arn in servers:
        task = vpc.reach(arn, "RUNNING")
        urls.append(f"http://{task['containers'][0]['networkInterfaces'][0]['privateIpv4Address']}/")
    members = [vpc.python(web, f"{WAIT}{ASK}", url, "5") for url in urls]
    stranger = vpc.python(other, ASK, urls[0], "0.5")
    assert [vpc.exit_code(arn) for arn in members] == [0, 0]
    assert vpc.exit_code(stranger) == 1
    until(lambda: from_the_router(tmp_path / "data", vpc, urls[0]), "a load balancer gets an answer")
    vpc.allow(web, other)
    until(lambda: vpc.exit_code(vpc.python(other, ASK, urls[0], "0.5")) == 0, "the new rule is in force")
    assert vpc.exit_code(vpc.python(other, LOOK)) == 0
    metrics = urllib.request.urlopen(f"{plane.endpoint}/_windlass/metrics").read().decode()
    launches = 'windlass_pool_launches_total{node="embedded",size="256/512",outcome="hit"}'
    assert int(metrics.partition(launches)[2].split()[0]) >= 1, "a launch found a sandbox ready"
    assert plane.stop() == 0, plane.errors.read_text()[-3000:]
    leaves_nothing(tmp_path / "data")


WAIT = """
import contextlib, socket, sys, time, urllib.parse as u
for _ in range(200):
    with contextlib.suppress(OSError):
        socket.create_connection((u.urlsplit(sys.argv[1]).hostname, 80), 1).close()
        break
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    """A plane with the oci runner, whose networks are gone behind it."""
    data = tmp_path_factory.mktemp("networks") / "data"
    root = busybox_root(tmp_path_factory.mktemp("root") / "root")
    done = windlass("image", "import", str(root), "--name", IMAGE, "--data", str(data))
    assert done.returncode == 0, done.stderr
    running = PlaneProcess(data, "--runner", "oci").start()
    yield running
    assert running.stop() == 0, running.errors.read_text()[-3000:]
    leaves_nothing(data)


def test_containers_of_a_task_share_its_network(oci: PlaneProcess) -> None:
    """They meet on localhost; the task's name leads to its own address."""
    vpc = Vpc(oci)
    serve = {
        "name": "server",
        "command": ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/etc"],
        "stopTimeout": 1,
    }
    get = "busybox wget -q -O -"
    look = f'{get} http://localhost/hostname && {get} "http://$(busybox hostname)/hosts"'
    ask = {
        "name": "main",
        "command": [
            "sh",
            "-c",
            f"until busybox wget -q -O /dev/null http://localhost/hosts; do :; done; {look}",
        ],
        "dependsOn": [{"containerName": "server", "condition": "START"}],
    }
    arn = vpc.start(vpc.group("alone"), serve, ask)
    task = vpc.reach(arn, "STOPPED")
    codes = {container["name"]: container.get("exitCode") for container in task["containers"]}
    assert codes["main"] == 0, task


def test_ports_of_mode_bridge_are_the_nodes(oci: PlaneProcess) -> None:
    """A dynamic port leads into the container; the same fixed one cannot be had twice."""
    ecs: Any = oci.client("ecs", ACCOUNT)
    ecs.create_cluster()

    def run(host_port: int) -> str:
        container = {
            "name": "main",
            "image": IMAGE,
            "memory": 64,
            "command": ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/etc"],
            "stopTimeout": 1,
            "portMappings": [{"containerPort": 8080, "hostPort": host_port}],
        }
        ecs.register_task_definition(family="b", networkMode="bridge", containerDefinitions=[container])
        return str(ecs.run_task(taskDefinition="b")["tasks"][0]["taskArn"])

    def reach(arn: str, status: str) -> dict[str, Any]:
        until(lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == status, f"it is {status}")
        found: dict[str, Any] = ecs.describe_tasks(tasks=[arn])["tasks"][0]["containers"][0]
        return found

    arn = run(0)
    (binding,) = reach(arn, "RUNNING")["networkBindings"]
    assert binding["bindIP"] == "0.0.0.0" and binding["containerPort"] == 8080
    port = binding["hostPort"]

    def page() -> bytes | None:
        try:
            text: bytes = urllib.request.urlopen(f"http://127.0.0.1:{port}/hosts", timeout=5).read()
        except OSError:
            return None
        return text

    assert b"172.17." in until(page, "the server listens")
    taken = reach(run(port), "STOPPED")
    wording = f"CannotStartContainerError: Bind for 0.0.0.0:{port} failed: port is already allocated"
    assert taken["reason"] == wording
    ecs.stop_task(task=arn)
    reach(arn, "STOPPED")
