"""The process in which an agent pulls one image, or collects old ones: `python -m
windlass.node.images.worker`.

Apart from the agent, so that unpacking takes neither its interpreter nor its memory, and so that it can be
ended at any moment. Says on its standard output how it goes, in lines of JSON; ends when its standard input
does, which is when the agent is gone.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from windlass.node.images import collect, logins, pull
from windlass.node.images.faults import BadImage
from windlass.node.images.places import store_of_agent
from windlass.node.images.registry import BACK_OFF_HASTY_S, Access
from windlass.node.images.settings import ImageSettings

NICENESS = 5
"""Tasks come first."""
MEMORY_BYTES_MAX = 2**31
"""Address space: an archive cannot make it take more, whatever its headers say."""
TELL_EVERY_S = 1.0


class Job(msgspec.Struct, frozen=True):
    """What the agent wants; the one argument. `reference` "" means: collect."""

    data: str
    settings: ImageSettings
    reference: str = ""
    hasty: bool = False
    """There is an image that will do as well."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the process says: bytes that are here and bytes in all; or, last, how it ended."""

    done: int = 0
    total: int = 0
    ended: bool = False
    error: str = ""
    told: tuple[str, ...] = ()
    """What was collected, one line each."""


def main(argument: str) -> int:
    job = msgspec.json.decode(argument, type=Job)
    threading.Thread(target=_end_with_agent, daemon=True).start()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    error, told = "", tuple[str, ...]()
    try:
        told = _run(job)
    except BadImage as bad:
        error = str(bad)
    except OSError as failed:
        error = in_words(failed)
    except MemoryError:
        error = f"it needs more than {MEMORY_BYTES_MAX // 2**30} GiB of memory to unpack"
    _say(Line(ended=True, error=error, told=told))
    return 0


def in_words(error: OSError) -> str:
    """As Docker says it: "write blobs/…: no space left on device"."""
    text = (error.strerror or str(error)).lower()
    return f"write {error.filename}: {text}" if error.filename else text


def _run(job: Job) -> tuple[str, ...]:
    store = store_of_agent(Path(job.data))
    if not job.reference:
        return tuple(str(one) for one in collect.run(store, job.settings))
    known = access(job.settings)
    known = replace(known, back_off_s=BACK_OFF_HASTY_S) if job.hasty else known
    pull.pull(store, job.reference, known, _teller())
    return ()


def access(settings: ImageSettings) -> Access:
    """How registries are spoken to under these settings. Raises BadImage, OSError."""
    known = logins.read(Path(settings.auth_file)) if settings.auth_file else {}
    return Access(known, settings.insecure)


def _teller() -> Callable[[int, int], None]:
    """Says how far it is, once a second."""
    next_at = time.monotonic() + TELL_EVERY_S

    def tell(done: int, total: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + TELL_EVERY_S
            _say(Line(done, total))

    return tell


def _say(line: Line) -> None:
    with suppress(OSError):  # an agent that ends reads no more
        os.write(1, msgspec.json.encode(line) + b"\n")


def _end_with_agent() -> None:
    with suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
