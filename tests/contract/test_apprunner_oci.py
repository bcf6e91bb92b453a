"""App Runner with the oci runner: images, and source code built and run in the image of its runtime."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fault.waiting import until
from tests.image_build import busybox_root
from tests.process import PlaneProcess

IMAGE = "public.ecr.aws/shop/web:1"
RUNTIME = "public.ecr.aws/docker/library/python:3"
"""What is used for the runtime PYTHON_3; here it has no Python, and needs none."""


class Site:
    def __init__(self, plane: PlaneProcess) -> None:
        self.plane = plane
        self.apprunner = plane.client("apprunner", "1" * 12)

    def create(self, name: str, source: dict[str, Any]) -> str:
        """A service of two instances; returns its URL once it runs."""
        scaling = self.apprunner.create_auto_scaling_configuration(
            AutoScalingConfigurationName=name, MinSize=2, MaxSize=2
        )["AutoScalingConfiguration"]
        made = self.apprunner.create_service(
            ServiceName=name,
            SourceConfiguration=source,
            AutoScalingConfigurationArn=scaling["AutoScalingConfigurationArn"],
            HealthCheckConfiguration={"Interval": 1},
        )["Service"]

        def runs() -> bool:
            found = self.apprunner.describe_service(ServiceArn=made["ServiceArn"])["Service"]["Status"]
            assert found in ("OPERATION_IN_PROGRESS", "RUNNING"), self.lines(made)
            return bool(found == "RUNNING")

        until(runs, f"{name} runs")
        return str(made["ServiceUrl"])

    def lines(self, made: dict[str, Any]) -> list[str]:
        group = f"/aws/apprunner/{made['ServiceName']}/{made['ServiceId']}/service"
        events = self.plane.client("logs", "1" * 12).filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    def get(self, url: str, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=60)
        connection.request("GET", path, headers={"Host": url})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


def test_images_and_code(tmp_path: Path) -> None:
    """Each instance has a network of its own, where the service's port is its port; code runs in an image."""
    root = busybox_root(tmp_path / "root")
    (root / "bin" / "cp").symlink_to("busybox")
    data = tmp_path / "data"
    for name in (IMAGE, RUNTIME):
        words = ("image", "import", str(root), "--name", name, "--data", str(data))
        command = [sys.executable, "-m", "windlass", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.html").write_text("from the repository")
    plane = PlaneProcess(data, "--runner", "oci").start()
    try:
        site = Site(plane)
        run = {"StartCommand": "busybox httpd -f -p 8080 -h /etc", "Port": "8080"}
        image = {"ImageIdentifier": IMAGE, "ImageRepositoryType": "ECR_PUBLIC", "ImageConfiguration": run}
        url = site.create("from-image", {"ImageRepository": image})
        assert site.get(url, "/group") == (200, (root / "etc" / "group").read_text())
        values = {
            "Runtime": "PYTHON_3",
            "BuildCommand": "echo built in $(cat /etc/group | busybox wc -l) > made.txt",
            "StartCommand": "exec busybox httpd -f -p $PORT -h .",
            "Port": "9000",
        }
        repository = {
            "RepositoryUrl": str(code),
            "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
            "CodeConfiguration": {"ConfigurationSource": "API", "CodeConfigurationValues": values},
        }
        url = site.create("from-code", {"CodeRepository": repository})
        assert site.get(url, "/") == (200, "from the repository")
        assert site.get(url, "/made.txt") == (200, "built in 3\n")
    finally:
        assert plane.stop() == 0
