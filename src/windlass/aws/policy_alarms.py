"""The alarms of scaling policies in CloudWatch: put and deleted for target tracking, found for the others.

Of Application Auto Scaling and EC2 Auto Scaling. A policy's row is to be written before its alarms are put,
and to go after them: a plane that dies in between leaves none that nobody owns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from windlass.aws.calls import Calls, Principal
from windlass.kernel.faults import Fault


async def put(
    calls: Calls, principal: Principal, owned: Iterable[str], wanted: Sequence[Mapping[str, Any]]
) -> None:
    """Have these alarms (parameters of PutMetricAlarm), and of the policy's own names no others.

    Raises Fault when CloudWatch refuses one.
    """
    for params in wanted:
        await calls.call("cloudwatch", "PutMetricAlarm", params, principal)
    kept = {params["AlarmName"] for params in wanted}
    await delete(calls, principal, [name for name in owned if name not in kept])


async def delete(calls: Calls, principal: Principal, names: Iterable[str]) -> None:
    """Delete these, as far as they are there."""
    for name in names:
        try:
            await calls.call("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]}, principal)
        except Fault as fault:
            if fault.code != "ResourceNotFound":
                raise


async def naming(calls: Calls, principal: Principal, arn: str) -> list[str]:
    """The names of all alarms that have the policy as an action: those of step scaling are the caller's."""
    found: list[str] = []
    params = {"ActionPrefix": arn}
    while True:
        answer = await calls.call("cloudwatch", "DescribeAlarms", params, principal)
        found += [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]
        if "NextToken" not in answer:
            return found
        params = {"ActionPrefix": arn, "NextToken": answer["NextToken"]}
