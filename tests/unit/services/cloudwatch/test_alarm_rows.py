"""What alarms leave behind: who is in ALARM after a restart, and how much history is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.build import ACCOUNT, REGION, a_plane, call, start_services
from windlass.aws.alarms import Alarms
from windlass.services.cloudwatch import SERVICE
from windlass.services.cloudwatch.evaluator import Evaluator
from windlass.services.cloudwatch.limits import HISTORY_MAX
from windlass.services.cloudwatch.model import HISTORY
from windlass.services.plane import Plane

ALARM: dict[str, Any] = {
    "Namespace": "App",
    "MetricName": "Load",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "ignore",
}


def raised(plane: Plane) -> tuple[str, ...]:
    return plane.calls.part(Alarms).raised(ACCOUNT, REGION, ["a", "b"])


def test_who_acts_on_alarms_knows_them_at_once_and_after_a_restart() -> None:
    async def story() -> None:
        plane = a_plane(SERVICE)
        start_services(plane, [SERVICE])
        try:
            for name in ("a", "b"):
                await call(plane, "cloudwatch", "PutMetricAlarm", AlarmName=name, **ALARM)
                state = {"StateValue": "ALARM", "StateReason": "try"}
                await call(plane, "cloudwatch", "SetAlarmState", AlarmName=name, **state)
            assert raised(plane) == ("a", "b")
            plane.calls.add_part(Alarms())
            Evaluator(plane)
            assert raised(plane) == ("a", "b")
            await call(plane, "cloudwatch", "DeleteAlarms", AlarmNames=["a"])
            assert raised(plane) == ("b",)
        finally:
            await plane.spawn.close()

    asyncio.run(story())


def test_the_newest_of_an_alarms_history_is_kept() -> None:
    async def story() -> None:
        plane = a_plane(SERVICE)
        start_services(plane, [SERVICE])
        try:
            await call(plane, "cloudwatch", "PutMetricAlarm", AlarmName="a", **ALARM)
            for number in range(HISTORY_MAX + 5):
                state = {"StateValue": ("OK", "ALARM")[number % 2], "StateReason": str(number)}
                await call(plane, "cloudwatch", "SetAlarmState", AlarmName="a", **state)
            answer = await call(plane, "cloudwatch", "DescribeAlarmHistory", AlarmName="a")
            assert len(answer["AlarmHistoryItems"]) == len(plane.store[HISTORY]) == HISTORY_MAX
            assert f'"{HISTORY_MAX + 4}"' in answer["AlarmHistoryItems"][0]["HistoryData"]
        finally:
            await plane.spawn.close()

    asyncio.run(story())
