"""An App Runner service that really serves: requests through its URL, bursts, silence, a deployment."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fault.waiting import until
from tests.process import PlaneProcess

APP = """
import http.server, os, time
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        while self.path == "/held" and not os.path.exists(os.environ["RELEASED"]):
            time.sleep(0.01)
        said = f"{os.environ['NAME']} {os.getpid()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""
PROFILE = """
[delays]
"apprunner.idle_after" = { value = 0.3, unit = "s", source = "this test", date = "2026-11-22" }
"apprunner.remove_after" = { value = 0.6, unit = "s", source = "this test", date = "2026-11-22" }
"""


class Shop:
    """A service with 4 requests an instance, 1 to 4 instances."""

    def __init__(self, plane: PlaneProcess, path: Path) -> None:
        self.plane, self.path = plane, path
        self.apprunner = plane.client("apprunner", "1" * 12)
        self.released = path / "released"
        (path / "app").mkdir()
        (path / "app" / "app.py").write_text(APP)
        scaling = self.apprunner.create_auto_scaling_configuration(
            AutoScalingConfigurationName="tight", MaxConcurrency=4, MinSize=1, MaxSize=4
        )
        made = self.apprunner.create_service(
            ServiceName="shop",
            SourceConfiguration=self.source("first"),
            AutoScalingConfigurationArn=scaling["AutoScalingConfiguration"]["AutoScalingConfigurationArn"],
            HealthCheckConfiguration={"Interval": 1},
        )
        self.arn, self.url = made["Service"]["ServiceArn"], made["Service"]["ServiceUrl"]
        self.settle("RUNNING")
        self.answers: Counter[int] = Counter()
        self.said: Counter[str] = Counter()

    def source(self, name: str) -> dict[str, Any]:
        values = {
            "Runtime": "PYTHON_3",
            "StartCommand": "exec python3 app.py",
            "RuntimeEnvironmentVariables": {"NAME": name, "RELEASED": str(self.released)},
        }
        code = {
            "RepositoryUrl": str(self.path / "app"),
            "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
            "CodeConfiguration": {"ConfigurationSource": "API", "CodeConfigurationValues": values},
        }
        return {"CodeRepository": code}

    def settle(self, status: str) -> None:
        def is_settled() -> bool:
            found = self.apprunner.describe_service(ServiceArn=self.arn)["Service"]["Status"]
            assert found in ("OPERATION_IN_PROGRESS", status)
            return bool(found == status)

        until(is_settled, f"the service is {status}")

    def get(self, path: str = "/") -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=60)
        connection.request("GET", path, headers={"Host": self.url})
        answer = connection.getresponse()
        self.answers[answer.status] += 1
        self.said[answer.read().decode()] += 1
        connection.close()

    def begin(self, count: int, path: str) -> list[threading.Thread]:
        """So many requests at a time."""
        threads = [threading.Thread(target=self.get, args=(path,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def instances(self) -> int:
        """Those that were started and have not ended, as the plane's journal tells."""
        with urllib.request.urlopen(f"{self.plane.endpoint}/_windlass/journal") as answer:
            entries = json.load(answer)["entries"]
        told = Counter(entry["what"] for entry in entries if " instance " in entry["subject"])
        return told["starts"] - told["ended"]


def test_requests_bursts_and_silence(own_plane: Callable[..., PlaneProcess], tmp_path: Path) -> None:
    """1. Requests. 2. A burst fills instances and queues; more instances come, nothing is refused.

    3. Silence: MinSize again. 4. A deployment under load loses nothing. 5. Paused: 503.
    """
    profile = tmp_path / "quick.toml"
    profile.write_text(PROFILE)
    shop = Shop(own_plane("--profile", str(profile)), tmp_path)
    shop.get()
    assert (shop.answers, len(shop.said)) == ({200: 1}, 1)
    burst = shop.begin(8, "/held")
    until(lambda: shop.instances() == 3, "8 requests need 3 instances of 4, of which one is near at 3")
    shop.released.touch()
    for thread in burst:
        thread.join()
    assert shop.answers == {200: 9}
    until(lambda: shop.instances() == 1, "the others go when they are not needed")

    shop.apprunner.update_service(ServiceArn=shop.arn, SourceConfiguration=shop.source("second"))
    while not any(said.startswith("second") for said in shop.said):
        for thread in shop.begin(3, "/"):
            thread.join()
    assert set(shop.answers) == {200}
    shop.settle("RUNNING")

    shop.apprunner.pause_service(ServiceArn=shop.arn)
    shop.settle("PAUSED")
    until(lambda: shop.instances() == 0, "nothing runs")
    shop.get()
    assert shop.answers[503] == 1
