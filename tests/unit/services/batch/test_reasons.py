"""Why a job waits: AWS's statusReason, and the sentence for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.services.batch import reasons
from windlass.services.batch.reasons import Held, Room, Size, behind, vcpus, why

JOB = Size(4 * 1_024, 2_048)
OPEN = Room("ce", 1_024, 16_384)
SMALL = Room("small", 2_048, 2_048)
NO_GPU = Room("cpus", None, None, fits_ever=Size(8_192, 16_384))
LITTLE = Room("little", 8_192, 8_192, fits_ever=Size(2_048, 4_096))
SHORT = replace(OPEN, short="p5.48xlarge")
DISABLED = replace(OPEN, open=False, why="DISABLED")
INVALID = replace(OPEN, open=False, why="INVALID")


@pytest.mark.parametrize(
    ("rooms", "reason", "sentence"),
    [
        ([], "", "its queue has no compute environment"),
        ([OPEN], "", "1 of 16 vCPUs of environment ce are free; the job wants 4"),
        ([DISABLED], "", "environment ce is DISABLED"),
        ([INVALID], reasons.ALL_INVALID, "environment ce is INVALID"),
        ([SMALL], reasons.MAX_RESOURCE, "environment small has at most 2 vCPUs; the job wants 4"),
        ([LITTLE], reasons.REQUIREMENT, "no instance of environment little has 4 vCPUs and 2048 MiB"),
        ([SHORT], reasons.CAPACITY, "environment ce gets no instance of type p5.48xlarge now"),
        (
            [LITTLE, SMALL],
            reasons.REQUIREMENT,
            "no instance of environment little has 4 vCPUs and 2048 MiB; "
            "environment small has at most 2 vCPUs; the job wants 4",
        ),
        (
            [SMALL, OPEN],
            "",
            "environment small has at most 2 vCPUs; the job wants 4; "
            "1 of 16 vCPUs of environment ce are free; the job wants 4",
        ),
        (
            [SMALL, SHORT],
            reasons.CAPACITY,
            "environment small has at most 2 vCPUs; the job wants 4; "
            "environment ce gets no instance of type p5.48xlarge now",
        ),
        (
            [SHORT, OPEN],
            "",
            "environment ce gets no instance of type p5.48xlarge now; "
            "1 of 16 vCPUs of environment ce are free; the job wants 4",
        ),
        ([INVALID, DISABLED], "", "environment ce is INVALID; environment ce is DISABLED"),
    ],
)
def test_why_it_does_not_start(rooms: list[Room], reason: str, sentence: str) -> None:
    found = why(JOB, rooms)
    assert found.reason.startswith(reason)
    assert bool(found.reason) == bool(reason)
    assert found.sentence == sentence


def test_the_wording_of_aws() -> None:
    """UG, job_stuck_in_runnable."""
    assert [why(JOB, [room]).reason for room in (SMALL, LITTLE, SHORT)] == [
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet "
        "the CPU requirement of the job.",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is "
        "higher than that can be met by the CE(s) attached to the job queue.",
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for "
        "instance type [p5.48xlarge]",
    ]


def test_gpus_are_named() -> None:
    found = why(Size(1_024, 512, gpus=2), [NO_GPU])
    assert found.sentence == "no instance of environment cpus has 1 vCPUs and 512 MiB and 2 GPUs"


def test_what_lasts_until_somebody_acts() -> None:
    assert [why(JOB, [room]).for_ever for room in (SMALL, LITTLE, SHORT, OPEN, INVALID)] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("place", "said"),
    [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (113, "113th")],
)
def test_a_place_in_line(place: int, said: str) -> None:
    assert behind(place, "a", None) == f"{said} in line behind job a"
    assert behind(place, "a", Held("", "no room")) == f"{said} in line behind job a, which waits: no room"


@pytest.mark.parametrize(("cpu_units", "text"), [(256, "0.25"), (512, "0.5"), (1_024, "1"), (16_384, "16")])
def test_vcpus_as_people_write_them(cpu_units: int, text: str) -> None:
    assert vcpus(cpu_units) == text
