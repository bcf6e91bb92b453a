"""Mapping rows to API shapes. Reads only."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import SECOND
from windlass.services.lambda_.sources.model import Mapping


def configuration(mapping: Mapping, last_result: str = "") -> Result:
    """EventSourceMappingConfiguration. `last_result` is of its last batch since the plane started."""
    rules = mapping.rules
    shown: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": rules.batch_size,
        "MaximumBatchingWindowInSeconds": rules.window_s,
        "EventSourceArn": mapping.queue_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified / SECOND,
        "State": mapping.state,
        "StateTransitionReason": mapping.reason,
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if rules.item_failures else [],
        "EventSourceMappingArn": mapping.arn,
    }
    if rules.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in rules.filters]}
    if rules.concurrency_max is not None:
        shown["ScalingConfig"] = {"MaximumConcurrency": rules.concurrency_max}
    if rules.metrics:
        shown["MetricsConfig"] = {"Metrics": list(rules.metrics)}
    if last_result:
        shown["LastProcessingResult"] = last_result
    return shown
