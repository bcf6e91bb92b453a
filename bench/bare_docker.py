"""Containers a second from `docker run` alone, in the daemon that DOCKER_HOST names: to compare ours with."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

LIMITS = ("--network", "host", "--memory", "64m", "--log-driver", "none")


def bare_docker_runs(image: str, command: Sequence[str], count: int, at_once: int) -> float:
    """Containers a second, that many at once. They are removed afterwards."""

    def start(number: int) -> str:
        words = ["docker", "run", "--detach", *LIMITS, image, *command]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(at_once) as threads:
        began = time.perf_counter()
        made = list(threads.map(start, range(count)))
        took = time.perf_counter() - began
    subprocess.run(["docker", "rm", "--force", *made], capture_output=True, check=True)
    return count / took


def image_of_store() -> str:
    """The image that our runner loaded into the daemon."""
    words = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "windlass-store"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]
