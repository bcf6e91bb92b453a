"""A plane as users run it: `windlass up` as a child process, on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.warm import WarmProcess, warm
from windlass.node.function_settings import ISOLATION

READY = "windlass ready on "
REGION = "eu-west-1"
ENDS_WITHIN_S = 60


class PlaneProcess:
    """Start it, kill it, start it again on the same data.

    Its functions see the test's own files, to tell the test something and to wait for it, unless they are
    `isolated` as a user's are (tests/contract/test_lambda_isolation.py). It starts warm (tests/warm.py): that
    saves half of what a start costs. A `cold` one is started as by its user, and so is one with a `prefix`.
    """

    def __init__(
        self,
        data: Path,
        *options: str,
        prefix: Sequence[str] = (),
        isolated: bool = False,
        cold: bool = False,
    ) -> None:
        self.data = data
        self.prefix = prefix
        self.isolated = isolated
        self.cold = cold or bool(prefix)
        self.options = options
        self.process: WarmProcess | subprocess.Popen[bytes] | None = None
        self.endpoint = ""
        self.errors = data.parent / f"{data.name}.stderr"

    def start(self, port: int = 0) -> PlaneProcess:
        words = ["up", "--port", str(port), "--data", str(self.data), *self.options]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment[ISOLATION] = "on" if self.isolated else "off"
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as stdout, self.errors.open("ab") as errors:
            if self.cold:
                command = [*self.prefix, sys.executable, "-m", "windlass", *words]
                self.process = subprocess.Popen(command, stdout=stdout, stderr=errors, env=environment)
            else:
                self.process = warm().start(
                    "windlass", *words, environment=environment, stdout=writing, stderr=errors.fileno()
                )
        self.output = os.fdopen(reading)
        line = self.output.readline()
        assert line.startswith(READY), f"the plane said {line!r} and {self.errors.read_text()[-3000:]}"
        self.endpoint = line.removeprefix(READY).strip()
        return self

    @property
    def port(self) -> int:
        return int(self.endpoint.rsplit(":", 1)[1])

    def kill(self) -> None:
        """SIGKILL to the plane; its agent goes on."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        code = self.process.wait(ENDS_WITHIN_S)
        self.output.close()
        self.process = None
        return code

    def client(self, service: str, account: str, region: str = REGION, **config: Any) -> Any:
        """A boto3 client of that account; errors are not retried unless `config` says so."""
        settings = {"retries": {"max_attempts": 0}, "parameter_validation": True} | config
        return session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            config=Config(**settings),
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )


@cache
def session() -> boto3.session.Session:
    """Makes all clients of this process, each with credentials of its own: it reads a service's model once.

    A client of a new session costs 100 ms of CPU, another one of this session 10 ms.
    """
    return boto3.session.Session()
