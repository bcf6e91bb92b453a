"""How a function's asynchronous events are to be handled: a request to a row, and a row to its shape. Pure.

Source: Lambda API reference, PutFunctionEventInvokeConfig; wording as recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from windlass.aws.arn import arn
from windlass.kernel.clock import SECOND, Instant
from windlass.services.lambda_.destinations import destination_problem
from windlass.services.lambda_.event_model import EventInvokeConfig
from windlass.services.lambda_.package import invalid

_ASKED = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


def configured(config: EventInvokeConfig, params: Mapping[str, Any], now: Instant) -> EventInvokeConfig:
    """The configuration with the request's members in place. Raises Fault for what AWS does not take.

    Of a DestinationConfig, the half that is given replaces that half; an empty ARN takes it away.
    """
    if all(params.get(member) is None for member in _ASKED):
        raise invalid("You must specify at least one of error handling or destination setting.")
    destinations: Mapping[str, Any] = params.get("DestinationConfig") or {}
    return replace(
        config,
        last_modified=now,
        retries=params.get("MaximumRetryAttempts", config.retries),
        age_s=params.get("MaximumEventAgeInSeconds", config.age_s),
        on_success=_destination(config, destinations, "OnSuccess", config.on_success),
        on_failure=_destination(config, destinations, "OnFailure", config.on_failure),
    )


def shown(config: EventInvokeConfig) -> dict[str, Any]:
    """FunctionEventInvokeConfig; both halves of its destinations are there, empty or not."""
    made: dict[str, Any] = {
        "LastModified": config.last_modified / SECOND,
        "FunctionArn": f"{_function_arn(config)}:{config.qualifier}",
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retries is not None:
        made["MaximumRetryAttempts"] = config.retries
    if config.age_s is not None:
        made["MaximumEventAgeInSeconds"] = config.age_s
    return made


def _destination(config: EventInvokeConfig, given: Mapping[str, Any], half: str, old: str) -> str:
    if half not in given:
        return old
    target: str = given[half].get("Destination") or ""
    problem = destination_problem(target, _function_arn(config)) if target else None
    if problem is not None:
        raise invalid(problem)
    return target


def _function_arn(config: EventInvokeConfig) -> str:
    return arn("lambda", config.region, config.account, f"function:{config.function}")
