"""Why the first job of a queue does not start: for AWS's statusReason, and for people. Pure.

On AWS a job that only waits its turn, or for running ones to end, shows no statusReason; one that blocks its
queue does (UG, job_stuck_in_runnable). The sentences are ours, for `windlass batch why`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CPU_UNITS = 1_024
"""CPU units of a vCPU."""
MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
ALL_INVALID = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
_WORDS = {
    MAX_RESOURCE: "CE(s) associated with the job queue cannot meet the CPU requirement of the job.",
    REQUIREMENT: "The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) "
    "attached to the job queue.",
}
"""UG, job_stuck_in_runnable."""


@dataclass(frozen=True, slots=True)
class Size:
    """What one attempt needs, or the largest instance of an environment has."""

    cpu_units: int
    memory_mib: int
    gpus: int = 0

    def within(self, other: Size) -> bool:
        return (
            self.cpu_units <= other.cpu_units
            and self.memory_mib <= other.memory_mib
            and self.gpus <= other.gpus
        )


@dataclass(frozen=True, slots=True)
class Room:
    """What one environment has left. `free_cpu_units` and `cap_cpu_units` are None where there is no cap."""

    environment: str
    free_cpu_units: int | None
    cap_cpu_units: int | None
    open: bool = True
    """Whether anything may be placed in it."""
    why: str = ""
    """Why nothing may: DISABLED or INVALID."""
    fits_ever: Size | None = None
    """The largest instance that it may have; None: any size will do."""
    note: str = ""
    """What else is to be said of what is free, "" for nothing: that machines boot."""
    short: str = ""
    """The instance type that cannot be had now, though the cap leaves room; what is free can be used."""


@dataclass(frozen=True, slots=True)
class Held:
    """`reason` is AWS's statusReason, "" for a job that merely waits; `sentence` is for people."""

    reason: str
    sentence: str

    @property
    def for_ever(self) -> bool:
        """Whether it cannot start until somebody changes something."""
        return self.reason.startswith("MISCONFIGURATION:")


def can_ever(size: Size, room: Room) -> bool:
    """Whether the environment could run it if it were empty and open."""
    capped = room.cap_cpu_units is not None and size.cpu_units > room.cap_cpu_units
    return not capped and (room.fits_ever is None or size.within(room.fits_ever))


def why(size: Size, rooms: Sequence[Room], kept: Sequence[int] = ()) -> Held:
    """Why a job of that size, first of its queue, does not start in any of these environments.

    `kept` says how many free CPU units of each are kept for shares that are not active.
    """
    if not rooms:
        return Held("", "its queue has no compute environment")
    reserved = [*kept, *[0] * (len(rooms) - len(kept))]
    sentences = [_sentence(size, room, held) for room, held in zip(rooms, reserved, strict=True)]
    return Held(_reason(size, rooms), "; ".join(sentences))


def behind(place: int, first: str, held: Held | None, line: str = "line") -> str:
    """Why a job that is not the first of its line waits; `place` counts from 1, `line` says which it is.

    >>> behind(3, "a1b2", Held("", "1 of 4 vCPUs of environment ce are free; the job wants 2"))
    '3rd in line behind job a1b2, which waits: 1 of 4 vCPUs of environment ce are free; the job wants 2'
    """
    story = f", which waits: {held.sentence}" if held is not None else ""
    return f"{ordinal(place)} in {line} behind job {first}{story}"


def vcpus(cpu_units: int) -> str:
    """CPU units as people write vCPUs: 256 → "0.25", 4,096 → "4"."""
    return f"{cpu_units / CPU_UNITS:g}"


def _reason(size: Size, rooms: Sequence[Room]) -> str:
    if all(room.why == "INVALID" for room in rooms):
        return ALL_INVALID
    if all(room.cap_cpu_units is not None and size.cpu_units > room.cap_cpu_units for room in rooms):
        return f"{MAX_RESOURCE} - {_WORDS[MAX_RESOURCE]}"
    possible = [room for room in rooms if can_ever(size, room)]
    if not possible:
        return f"{REQUIREMENT} - {_WORDS[REQUIREMENT]}"
    if all(room.short for room in possible):
        what = f"Service cannot fulfill the capacity requested for instance type [{possible[0].short}]"
        return f"{CAPACITY} - {what}"
    return ""


def _sentence(size: Size, room: Room, kept: int) -> str:
    name = f"environment {room.environment}"
    if not room.open:
        return f"{name} is {room.why}"
    if room.cap_cpu_units is not None and size.cpu_units > room.cap_cpu_units:
        return f"{name} has at most {vcpus(room.cap_cpu_units)} vCPUs; the job wants {vcpus(size.cpu_units)}"
    if not can_ever(size, room):
        return f"no instance of {name} has {_of(size)}"
    if room.short:
        return f"{name} gets no instance of type {room.short} now"
    if room.free_cpu_units is None:
        return f"{name} takes no more now"
    if room.cap_cpu_units is None:
        free = f"{vcpus(room.free_cpu_units)} vCPUs are free on the instances of {name}"
        return f"{free}; the job wants {vcpus(size.cpu_units)}"
    free = f"{vcpus(room.free_cpu_units)} of {vcpus(room.cap_cpu_units)} vCPUs of {name} are free"
    if kept:
        free += f", {vcpus(kept)} of the {vcpus(room.cap_cpu_units)} kept for shares that are not active"
    return f"{free}; the job wants {vcpus(size.cpu_units)}" + (f" ({room.note})" if room.note else "")


def _of(size: Size) -> str:
    parts = [f"{vcpus(size.cpu_units)} vCPUs", f"{size.memory_mib} MiB"]
    return " and ".join([*parts, f"{size.gpus} GPUs"] if size.gpus else parts)


def ordinal(place: int) -> str:
    teens = 10 <= place % 100 <= 20
    return f"{place}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"
