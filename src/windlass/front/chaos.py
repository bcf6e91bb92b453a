"""`/_windlass/chaos`: what happens to tasks on AWS without anybody asking, when somebody asks for it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.fleet import spot
from windlass.services.batch.interruptions import Interruptions as AttemptInterruptions
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.plane import Plane


async def spot_interrupt(plane: Plane, query: Mapping[str, str]) -> Any:
    """Interrupt a Fargate Spot task, or the attempt of a Batch job. Raises Fault for one that cannot be."""
    attempts = plane.calls.part(AttemptInterruptions)
    if attempts.knows(query["task"]):
        task_arn, reason = await attempts.interrupt(query["task"])
        return {"task": task_arn, "stopCode": spot.STOP_CODE, "stoppedReason": reason}
    task = await plane.calls.part(Interruptions).interrupt(query["task"])
    return {"task": task.arn, "stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
