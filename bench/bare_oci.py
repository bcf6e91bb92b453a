"""Containers a second from the OCI runtime alone: what our launch rate is compared with.

A process of its own, because it leaves the mount namespace; the same config.json, image and number of
starts at once as our runner has, and the overlay mount, which nobody can do without.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from windlass.fleet.messages import ContainerSpec
from windlass.node import mounts, oci_host
from windlass.node.images.store import Image, ImageStore
from windlass.node.oci_bundle import bundle_of, lay_out
from windlass.node.oci_spec import Limits

GROUP = "/windlass-bench"


def bare_containers(image: Image, scratch: Path, count: int, at_once: int) -> float:
    """Containers a second."""
    words = [
        image.reference,
        str(image.layers[0].parents[1]),
        str(scratch / "bare"),
        str(count),
        str(at_once),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare_oci", *words], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout))


def main(reference: str, store: Path, scratch: Path, count: int, at_once: int) -> float:
    host = oci_host.check()
    oci_host.enter(host)
    image = ImageStore(store).find(reference)
    assert image is not None
    spec = ContainerSpec("c", command=("sleep", "600"), memory_mib=64, cpu_units=1)
    bundles = [
        replace(bundle_of(scratch / "units", GROUP, f"u{number}", "c"), group=f"{GROUP}/u{number}")
        for number in range(count)
    ]
    state = scratch / "state"

    def start(number: int) -> None:
        bundle = bundles[number]
        lay_out(bundle, f"u{number}", spec, image, Path.touch, {}, Limits(swap=host.cgroups.swap))
        words = ["run", "--detach", "--bundle", str(bundle.directory), bundle.id]
        subprocess.run(
            [host.runtime, "--root", str(state), *words],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        mounts.detach(bundle.root)

    with ThreadPoolExecutor(at_once) as threads:
        began = time.perf_counter()
        try:
            list(threads.map(start, range(count)))
            took = time.perf_counter() - began
        finally:
            for bundle in bundles:
                words = ["delete", "--force", bundle.id]
                subprocess.run([host.runtime, "--root", str(state), *words], check=False, capture_output=True)
            host.cgroups.remove(GROUP)
    return count / took


if __name__ == "__main__":
    given = sys.argv[1:]
    print(main(given[0], Path(given[1]), Path(given[2]), int(given[3]), int(given[4])))
