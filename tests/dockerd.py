"""A Docker daemon of the test's own, from Debian's docker.io: `make setup-system` installs it.

It listens on a Unix socket below its own directory, has no bridge and no firewall rules, and goes with all
that it started: containerd, shims, containers, mounts.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.fault.waiting import until
from windlass.node import mounts, proc
from windlass.node.images import sources

IMAGE = "busybox:1"
_NO_NETWORK = ("--bridge", "none", "--iptables=false")
_WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""A test run that is killed takes its daemons along, and they their containers."""


class Dockerd:
    """Start it, kill it, start it again on the same data."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.socket = root / "s.sock"

    @property
    def host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self.socket}"

    def start(self) -> Dockerd:
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None, "dockerd is missing: make setup-system"
        where = [
            "--data-root",
            self.root / "data",
            "--exec-root",
            self.root / "exec",
            "--pidfile",
            self.root / "pid",
        ]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_WITH_US, program, *where, "-H", self.host, *_NO_NETWORK, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, f"dockerd answers; its log ends: {self._log()[-2000:]}")
        return self

    def kill(self) -> None:
        """SIGKILL, to its containerd too; its containers go on without them."""
        assert self.process is not None
        file = self.root / "exec" / "containerd" / "containerd.pid"
        containerd = int(file.read_text())
        self.process.kill()
        self.process.wait()
        with suppress(ProcessLookupError):
            os.kill(containerd, signal.SIGKILL)
        until(lambda: _is_over(containerd), "containerd is gone")
        file.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it and whatever is left of it; nothing stays mounted."""
        assert self.process is not None
        if self.process.poll() is None:
            with suppress(AssertionError, OSError):  # somebody may start new ones all the time: they go below
                until(self._remove_containers, "its containers are gone")
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        for pid in self._rest():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not self._rest(), "nothing of dockerd runs any more")
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (target := line.split()[1]).startswith(f"{self.root}/"):
                mounts.detach(Path(target))
        shutil.rmtree(self.root)

    def call(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """One request; the decoded answer."""
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        with connection.sock:
            content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
            kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
            connection.request(method, f"{path}?{urlencode(query)}", content, {"Content-Type": kind})
            answer = connection.getresponse()
            raw = answer.read()
            assert answer.status < 400, raw
        return json.loads(raw) if raw.strip() else None

    def add_image(self, root: Path, name: str = IMAGE) -> None:
        """A root file system as an image."""
        repository, _, tag = name.partition(":")
        with tempfile.TemporaryDirectory() as scratch:
            sources.pack(root, Path(scratch) / "root.tar")
            tar = (Path(scratch) / "root.tar").read_bytes()
        self.call("POST", "/images/create", tar, fromSrc="-", repo=repository, tag=tag)

    def containers(self, label: str = "windlass.home") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            "GET", "/containers/json", all=1, filters=json.dumps({"label": [label]})
        )
        return found

    def volumes(self) -> list[str]:
        return [volume["Name"] for volume in self.call("GET", "/volumes")["Volumes"] or ()]

    def _remove_containers(self) -> bool:
        """All of them, whoever else is removing them just now."""
        found = self.call("GET", "/containers/json", all=1)
        for container in found:
            with suppress(AssertionError):
                self.call("DELETE", f"/containers/{container['Id']}", force=1)
        return not found

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"dockerd ended: {self._log()[-3000:]}"
        try:
            self.call("GET", "/version")
        except OSError:
            return False
        return True

    def _rest(self) -> list[int]:
        """containerd, shims: all of them name our directory on their command lines."""
        found = []
        for pid in proc.everyone():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if f"{self.root}/".encode() in words and pid != os.getpid():
                stat = proc.stat(pid)
                if stat is not None and stat.state != "Z":
                    found.append(pid)
        return found

    def _log(self) -> str:
        return (self.root / "log").read_text(errors="replace")


def _is_over(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is None or stat.state == "Z"


@contextmanager
def a_dockerd(*options: str) -> Iterator[Dockerd]:
    """A running daemon. Its directory has a short name: socket paths below it have 108 bytes."""
    daemon = Dockerd(Path(tempfile.mkdtemp(prefix="wd-")), *options)
    try:
        yield daemon.start()
    finally:
        daemon.stop()
