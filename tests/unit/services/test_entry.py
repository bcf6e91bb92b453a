"""How a client's call begins: a token of its bucket, parameters as the model has them, then the handler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.build import REGION, SetClock, a_caller, a_plane
from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Profile
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.services.entry import Entry
from windlass.services.plane import Plane, Service

ONE_A_SECOND = Profile("test", buckets={"runs": Rate(burst=1, per_second=1)})


def a_place(clock: SetClock) -> tuple[Plane, list[Params]]:
    """A plane that only notes what RunTask was called with."""
    called: list[Params] = []

    def run_task(call: Call, params: Params) -> Result:
        called.append(params)
        return {}

    service = Service(
        "ecs", {"RunTask": run_task}, invalid="InvalidParameterException", buckets={"RunTask": "runs"}
    )
    return a_plane(service, clock=clock, profile=ONE_A_SECOND), called


def entered(plane: Plane, operation: str = "RunTask", account: str = "1" * 12, **params: Any) -> None:
    entry = plane.calls.part(Entry)
    asyncio.run(entry.call("ecs", operation, params, a_caller(account), REGION))


def test_a_bucket_of_each_account() -> None:
    """One call a second: the second is throttled, another account's is not, and a second later it passes."""
    clock = SetClock()
    plane, called = a_place(clock)
    entered(plane, taskDefinition="a")
    with pytest.raises(Fault, match="Rate exceeded") as refused:
        entered(plane, taskDefinition="b")
    assert refused.value.code == "ThrottlingException"
    entered(plane, account="2" * 12, taskDefinition="c")
    clock.time += SECOND
    entered(plane, taskDefinition="d")
    assert [params["taskDefinition"] for params in called] == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("RunTask", {}, "InvalidParameterException"),
        ("RunTask", {"taskDefinition": "a", "launchType": "MOON"}, "InvalidParameterException"),
        ("StopTask", {}, "NotImplemented"),
    ],
)
def test_what_never_reaches_a_handler(operation: str, params: dict[str, Any], code: str) -> None:
    plane, called = a_place(SetClock())
    with pytest.raises(Fault) as refused:
        entered(plane, operation, **params)
    assert (refused.value.code, called) == (code, [])


def test_json_becomes_parameters_or_a_fault() -> None:
    """What users wrote as text has the model's types, or is refused; what the model does not know goes."""
    entry = a_place(SetClock())[0].calls.part(Entry)
    document = {"taskDefinition": "a", "count": 2, "unknown": 1}
    assert entry.read("ecs", "RunTask", document) == {"taskDefinition": "a", "count": 2}
    for wrong in ({"count": "two"}, {"overrides": []}, [], None):
        with pytest.raises(Fault) as refused:
            entry.read("ecs", "RunTask", wrong)
        assert refused.value.code == "SerializationException"
