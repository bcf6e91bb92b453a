"""The load of the rollout demo: threads that ask whatever web server is announced, and count the answers."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path

THREADS = 2
PAUSE_S = 0.004
"""Between two requests of a thread: a steady load that leaves the machine to the tasks."""
TIMEOUT_S = 10
REQUEST = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"


class Load:
    """Runs from `begin` to `end`. `answers` counts by revision, `failed` names what went wrong."""

    def __init__(self, targets: Path) -> None:
        self._targets = targets
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_always, args=(n,)) for n in range(THREADS)]
        self.answers: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.seconds = 0.0

    def begin(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began

    def _ask_always(self, number: int) -> None:
        chance = random.Random(number)
        while not self._over.wait(PAUSE_S):
            announced = [path.name for path in self._targets.iterdir()]
            if not announced:
                self.failed["no server is announced"] += 1
                continue
            self._ask(chance.choice(announced))

    def _ask(self, target: str) -> None:
        port, _, revision = target.partition(".")
        try:
            with socket.create_connection(("127.0.0.1", int(port)), TIMEOUT_S) as server:
                server.sendall(REQUEST)
                body = server.recv(4096)
        except OSError as error:
            self.failed[f"{type(error).__name__} from {revision}"] += 1
            return
        if body.startswith(b"HTTP/1.1 200"):
            self.answers[revision] += 1
        else:
            self.failed[f"no answer from {revision}"] += 1
