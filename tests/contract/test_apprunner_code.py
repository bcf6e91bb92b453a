"""App Runner services from source code of this machine, built and run as processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until

APP = """
import http.server, os, sys
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthy" else 404)
        self.end_headers()
print("greets", os.environ["GREETING"], open("made.txt").read().strip(), flush=True)
open("own.txt", "x").close()
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["WEB_PORT"])), App).serve_forever()
"""
YAML = """
version: 1.0
runtime: python311
build:
  commands:
    pre-build:
      - export WHO=ourselves
    build:
      - echo "built by $WHO for $STAGE" > made.txt
      - cat made.txt
  env:
    - name: STAGE
      value: tests
run:
  command: python3 app.py
  network:
    port: 8000
    env: WEB_PORT
  env:
    - name: GREETING
      value: hello
"""
HEALTH = {"Protocol": "HTTP", "Path": "/healthy", "Interval": 1}


class Shop:
    """A repository with one service of it."""

    def __init__(self, client: Callable[..., Any], path: Path) -> None:
        self.apprunner, self.logs, self.path = client("apprunner"), client("logs"), path
        self.service: dict[str, Any] = {}
        self.write("app.py", APP)
        self.write("apprunner.yaml", YAML)

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def git(self, *words: str) -> str:
        who = ("-c", "user.email=shop@example.com", "-c", "user.name=shop", "-c", "init.defaultBranch=main")
        done = subprocess.run(
            ["git", "-C", str(self.path), *who, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def create(self, *, url: str = "", directory: str = "/", by_itself: bool = False, **values: str) -> str:
        """The service; returns its status once nothing is in progress."""
        code: dict[str, Any] = {
            "RepositoryUrl": url or str(self.path),
            "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
            "SourceDirectory": directory,
        }
        if values:
            code["CodeConfiguration"] = {"ConfigurationSource": "API", "CodeConfigurationValues": values}
        made = self.apprunner.create_service(
            ServiceName="shop",
            SourceConfiguration={"CodeRepository": code, "AutoDeploymentsEnabled": by_itself},
            HealthCheckConfiguration=HEALTH,
        )
        self.service = made["Service"]
        return self.settled()

    def status(self) -> str:
        found = self.apprunner.describe_service(ServiceArn=self.service["ServiceArn"])
        return str(found["Service"]["Status"])

    def settled(self) -> str:
        until(lambda: self.status() != "OPERATION_IN_PROGRESS", "the operation is over")
        return self.status()

    def lines(self, of: str) -> list[str]:
        """What a log group of the service has: "service" or "application"."""
        group = f"/aws/apprunner/shop/{self.service['ServiceId']}/{of}"
        try:
            found = self.logs.filter_log_events(logGroupName=group)["events"]
        except self.logs.exceptions.ResourceNotFoundException:  # nothing has come yet
            return []
        return [event["message"] for event in found]

    def operations(self) -> list[dict[str, Any]]:
        return list(
            self.apprunner.list_operations(ServiceArn=self.service["ServiceArn"])["OperationSummaryList"]
        )


@pytest.fixture
def shop(client: Callable[..., Any], tmp_path: Path) -> Shop:
    path = tmp_path / "shop"
    path.mkdir()
    return Shop(client, path)


def test_a_repository_with_a_file_and_what_is_pushed_to_it(shop: Shop) -> None:
    """Built, run, told what it asks for; and built again when the branch moves."""
    shop.git("init", "-q")
    first = shop.commit()
    assert shop.create(url=f"file://{shop.path}", by_itself=True) == "RUNNING", shop.lines("service")
    until(lambda: "greets hello built by ourselves for tests" in shop.lines("application"), "it greets")
    for line in (f"Source code is at commit {first}.", "built by ourselves for tests", "Build succeeded."):
        until(lambda line=line: f"[Build] {line}" in shop.lines("service"), line)
    assert not (shop.path / "made.txt").exists(), "the repository itself stays as it is"
    shop.write("apprunner.yaml", YAML.replace("value: hello", "value: goodbye"))
    second = shop.commit()
    until(lambda: len(shop.operations()) == 2, "it deploys by itself")
    assert shop.settled() == "RUNNING"
    assert shop.operations()[0]["Type"] == "START_DEPLOYMENT"
    assert shop.operations()[0]["Status"] == "SUCCEEDED"
    until(lambda: any("greets goodbye" in line for line in shop.lines("application")), "the new one greets")
    until(lambda: f"[Build] Source code is at commit {second}." in shop.lines("service"), "the second commit")


def test_a_plain_directory_with_values_of_the_api(shop: Shop) -> None:
    """No repository, no file: the values say all; a link in it leads nowhere else."""
    (shop.path / "apprunner.yaml").rename(shop.path / "web.yaml")
    (shop.path / "web").mkdir()
    (shop.path / "app.py").rename(shop.path / "web" / "app.py")
    status = shop.create(
        directory="web",
        Runtime="PYTHON_3",
        BuildCommand="echo plainly > made.txt",
        StartCommand="GREETING=you WEB_PORT=$PORT exec python3 app.py",
    )
    assert status == "RUNNING", shop.lines("service")
    until(lambda: any("is no git repository" in line for line in shop.lines("service")), "it says so")
    until(lambda: "greets you plainly" in shop.lines("application"), "it greets")


@pytest.mark.parametrize(
    ("name", "text", "url", "why"),
    [
        ("apprunner.yaml", "version: 2.0\nruntime: python311", "", "apprunner.yaml: version must be 1.0"),
        (
            "apprunner.yaml",
            YAML.replace("python311", "corretto11"),
            "",
            "has no managed runtime 'corretto11'",
        ),
        ("apprunner.yaml", YAML.replace("cat made.txt", "exit 7"), "", "Container exit code: 7"),
        ("x", "", "/nowhere/at/all", "there is no directory /nowhere/at/all"),
        ("x", "", "ssh://host/srv/app", "Windlass reads source code from this machine only"),
        (".git/HEAD", "ref: refs/heads/main\n", "", "git cannot read"),
    ],
)
def test_builds_that_fail(shop: Shop, name: str, text: str, url: str, why: str) -> None:
    """The service is CREATE_FAILED, and its log says why."""
    shop.write(name, text)
    assert shop.create(url=url) == "CREATE_FAILED"
    assert shop.operations()[0]["Status"] == "FAILED"
    until(lambda: any(why in line for line in shop.lines("service")), why)


def test_a_source_directory_that_leads_out(shop: Shop) -> None:
    """A link in the repository to another place of the machine is not followed."""
    (shop.path / "out").symlink_to("/etc")
    assert shop.create(directory="/out") == "CREATE_FAILED"
    until(lambda: any("there is no SourceDirectory 'out'" in line for line in shop.lines("service")), "said")
