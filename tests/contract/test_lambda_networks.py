"""Functions in real networks of a VPC, in both models: who has which address, who reaches whom. As root."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_task_networks import ACCOUNT, SERVE, Vpc, leaves_nothing
from tests.fault.waiting import until
from tests.lambda_build import a_zip
from tests.process import PlaneProcess
from windlass.aws.quotas import PROFILES

ASK = """
import json, os, socket, time, urllib.request
count = 0

def handler(event, context):
    global count
    count += 1
    time.sleep(event.get("sleep", 0))
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect(("198.18.0.1", 9))
    found = {"address": probe.getsockname()[0], "netns": os.stat("/proc/self/ns/net").st_ino, "count": count}
    if event.get("url"):
        try:
            found["status"] = urllib.request.urlopen(event["url"], timeout=event.get("within", 5)).status
        except OSError as error:
            found["status"] = type(error).__name__
    if event.get("boto3"):
        import boto3
        found["arn"] = boto3.client("sts").get_caller_identity()["Arn"]
    return found
"""


class Functions:
    """Functions of one plane in the first subnet of its default VPC."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.vpc = Vpc(plane)
        self.aws: Any = plane.client("lambda", ACCOUNT)

    def create(self, name: str, group: str) -> None:
        self.aws.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Handler="app.handler",
            Code={"ZipFile": a_zip(ASK)},
            Timeout=60,
            VpcConfig={"SubnetIds": [self.vpc.subnet], "SecurityGroupIds": [group]},
        )
        self.aws.get_waiter("function_active_v2").wait(FunctionName=name)

    def invoke(self, name: str, **event: Any) -> dict[str, Any]:
        answer = self.aws.invoke(FunctionName=name, Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def at_once(self, name: str, count: int) -> list[dict[str, Any]]:
        """So many events at a time, each in an environment of its own."""
        with ThreadPoolExecutor(count) as pool:
            found = list(pool.map(lambda _: self.invoke(name, sleep=2), range(count)))
        assert [one["count"] for one in found] == [1] * count
        return found

    def addresses(self) -> set[str]:
        """Of the interfaces that Lambda has."""
        filters = [{"Name": "interface-type", "Values": ["lambda"]}]
        found = self.vpc.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return {one["PrivateIpAddress"] for one in found}


def old_model(directory: Path) -> str:
    """The local profile with an interface for each environment."""
    text = (PROFILES / "local.toml").read_text()
    assert tomllib.loads(text)["choices"]["lambda.vpc_model"]["value"] == "hyperplane"
    file = directory / "old.toml"
    file.write_text(
        text.replace(
            '"lambda.vpc_model" = { value = "hyperplane"', '"lambda.vpc_model" = { value = "per-environment"'
        )
    )
    return str(file)


@pytest.fixture
def functions(tmp_path: Path) -> Any:
    planes: list[PlaneProcess] = []

    def start(*options: str) -> Functions:
        planes.append(PlaneProcess(tmp_path / "data", "--runner", "process", *options).start())
        return Functions(planes[0])

    yield start
    assert planes[0].stop() == 0, planes[0].errors.read_text()[-3000:]
    leaves_nothing(tmp_path / "data")


def test_environments_speak_through_one_address(functions: Callable[..., Functions]) -> None:
    """1. Two environments and another function have one address, in one namespace of its own. 2. boto3 works.

    3. A task lets in whom its group names, and nobody else. 4. At the end nothing is left.
    """
    made = functions()
    vpc = made.vpc
    web, callers, others = vpc.group("web"), vpc.group("callers"), vpc.group("others")
    vpc.allow(web, callers)
    made.create("f", callers)
    made.create("g", callers)
    found = [*made.at_once("f", 2), made.invoke("g", boto3=True)]
    assert {one["address"] for one in found} == made.addresses()
    assert len(made.addresses()) == 1
    namespaces = {one["netns"] for one in found}
    assert len(namespaces) == 1 and namespaces != {Path("/proc/self/ns/net").stat().st_ino}
    assert found[2]["arn"].endswith("assumed-role/r/g")
    task = vpc.reach(vpc.python(web, SERVE), "RUNNING")
    url = f"http://{task['containers'][0]['networkInterfaces'][0]['privateIpv4Address']}/"
    until(lambda: made.invoke("f", url=url)["status"] == 200, "the task serves its callers")
    made.create("h", others)
    assert made.invoke("h", url=url, within=0.5)["status"] != 200


def test_each_environment_has_its_own_address(functions: Callable[..., Functions], tmp_path: Path) -> None:
    """The old model: as many addresses and namespaces as environments; they are given back with them."""
    made = functions("--profile", old_model(tmp_path))
    made.create("f", made.vpc.group("callers"))
    assert made.addresses() == set()
    found = made.at_once("f", 3)
    assert len({one["address"] for one in found}) == len({one["netns"] for one in found}) == 3
    assert {one["address"] for one in found} == made.addresses()
    assert made.invoke("f", boto3=True)["arn"].endswith("assumed-role/r/f")
    made.aws.delete_function(FunctionName="f")
    until(lambda: made.addresses() == set(), "the addresses are given back")
