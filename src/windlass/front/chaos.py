"""`/_windlass/chaos`: what happens to tasks on AWS without anybody asking, when somebody asks for it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.services.ecs.interruptions import Interruptions
from windlass.services.plane import Plane


async def spot_interrupt(plane: Plane, query: Mapping[str, str]) -> Any:
    """Interrupt a Fargate Spot task. Raises Fault for a task that cannot be."""
    task = await plane.calls.part(Interruptions).interrupt(query["task"])
    return {"task": task.arn, "stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
