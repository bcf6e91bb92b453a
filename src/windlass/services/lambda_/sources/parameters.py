"""A request's parameters to a mapping's rules, or the fault that says why not. Pure.

Checks what the model does not state. Which parameters are for which source, and the wording, are AWS's; what
AWS has for SQS and Windlass does not is refused with a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from windlass.aws.arn import Arn, parse
from windlass.kernel.faults import Fault
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.settings import asks
from windlass.services.lambda_.sources.counting import EVENT_COUNT
from windlass.services.lambda_.sources.limits import BATCH_SIZE_SHORT_MAX
from windlass.services.lambda_.sources.model import Rules
from windlass.services.lambda_.sources.record import are_valid

_OTHER_SOURCES = {
    "kinesis": "Kinesis streams",
    "dynamodb": "DynamoDB streams",
    "kafka": "Kafka clusters",
    "mq": "Amazon MQ brokers",
    "rds": "DocumentDB clusters",
}
"""Services whose ARNs AWS takes as EventSourceArn, besides SQS."""
_NOT_FOR_QUEUES = (
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedKafkaEventSourceConfig",
    "AmazonManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
)
_ABSENT = {
    "ProvisionedPollerConfig": "provisioned mode for event source mappings",
    "KMSKeyArn": "customer keys for filter criteria",
}


def queue_arn(params: Mapping[str, Any], region: str) -> Arn:
    """The queue that a new mapping reads. Raises the fault of another kind of source, or another Region."""
    if asks(params.get("SelfManagedEventSource")):
        raise _absent_source("self-managed Kafka clusters")
    found = parse(params.get("EventSourceArn") or "")
    if found is not None and found.service in _OTHER_SOURCES:
        raise _absent_source(_OTHER_SOURCES[found.service])
    if found is None or found.service != "sqs" or not found.account:
        raise invalid("Unrecognized event source.")
    if found.region != region:
        raise invalid(f"The event source {found} is not in this Region ({region}).")
    return found


def created(params: Mapping[str, Any], *, fifo: bool, filters_max: int) -> Rules:
    """The rules of a new mapping."""
    if params.get("StartingPosition") or params.get("StartingPositionTimestamp"):
        raise invalid("StartingPosition is not valid for SQS event sources.")
    return updated(Rules(), params, fifo=fifo, filters_max=filters_max)


def updated(rules: Rules, params: Mapping[str, Any], *, fifo: bool, filters_max: int) -> Rules:
    """The rules with those of the request in place; what it leaves out stays."""
    _refuse(params)
    if "MaximumBatchingWindowInSeconds" in params:
        rules = replace(rules, window_s=params["MaximumBatchingWindowInSeconds"])
    if "BatchSize" in params:
        rules = replace(rules, batch_size=params["BatchSize"])
    if "ScalingConfig" in params:
        rules = replace(rules, concurrency_max=params["ScalingConfig"].get("MaximumConcurrency"))
    if "FunctionResponseTypes" in params:
        rules = replace(rules, item_failures="ReportBatchItemFailures" in params["FunctionResponseTypes"])
    if "MetricsConfig" in params:
        rules = replace(rules, metrics=_metrics(params["MetricsConfig"].get("Metrics", ())))
    if "FilterCriteria" in params:
        rules = replace(rules, filters=_filters(params["FilterCriteria"], filters_max))
    _check_batch(rules, fifo=fifo)
    return rules


def check_timeouts(visibility_s: int, function_s: int) -> None:
    """Refuse a queue that shows messages again while the function may still be at them."""
    if visibility_s < function_s:
        raise invalid(
            f"Queue visibility timeout: {visibility_s} seconds is less than Function timeout: "
            f"{function_s} seconds"
        )


def _refuse(params: Mapping[str, Any]) -> None:
    for member in _NOT_FOR_QUEUES:
        if asks(params.get(member)):
            raise invalid(f"Unsupported {member} parameter for given event source mapping type.")
    for member, what in _ABSENT.items():
        if asks(params.get(member)):
            raise invalid(f"Windlass does not have {what} yet: leave out {member}")


def _check_batch(rules: Rules, *, fifo: bool) -> None:
    if fifo and rules.window_s:
        raise invalid("Batching window is not supported for FIFO queues")
    if fifo and rules.batch_size > BATCH_SIZE_SHORT_MAX:
        raise invalid(f"Maximum batch size must be between 1 and {BATCH_SIZE_SHORT_MAX} inclusive")
    if rules.batch_size > BATCH_SIZE_SHORT_MAX and not rules.window_s:
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{BATCH_SIZE_SHORT_MAX}"
        )


def _metrics(asked: Sequence[str]) -> tuple[str, ...]:
    for metric in asked:
        if metric != EVENT_COUNT:  # AWS's wording is not known
            raise invalid(f"Unsupported metric {metric} for given event source mapping type.")
    return tuple(asked)


def _filters(criteria: Mapping[str, Any], most: int) -> tuple[str, ...]:
    found = tuple(one.get("Pattern", "") for one in criteria.get("Filters", ()))
    if len(found) > most:
        raise invalid(f"An event source mapping has at most {most} filters, not {len(found)}.")
    if not are_valid(found):
        raise invalid("Invalid filter pattern definition.")
    return found


def _absent_source(what: str) -> Fault:
    return invalid(f"Windlass does not have event source mappings of {what} yet: only of SQS queues")
