"""What the data of one PutMetricData say, or why they are refused. Pure.

Rules: CloudWatch API reference, PutMetricData and MetricDatum. The wording of refusals is AWS's as far as it
is known; what a datum says wrong refuses the whole call, as on AWS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

from windlass.aws.metric_points import Summary, of_values, one
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.limits import (
    AGE_MAX_S,
    AHEAD_MAX_S,
    DATA_MAX,
    RESOLUTIONS_S,
    VALUE_MAX,
    VALUES_MAX,
)
from windlass.services.cloudwatch.packing import Point, Points, Source

Shape: TypeAlias = Mapping[str, Any]
_FORMS = ("Value", "Values", "StatisticValues")


def invalid(message: str) -> Fault:
    return Fault("InvalidParameterValue", message)


def combination(message: str) -> Fault:
    return Fault("InvalidParameterCombination", message)


def take(params: Shape, now: int) -> Points:
    """The points of a call's data by what they are of; `now` in seconds since the epoch.

    Raises Fault InvalidParameterValue, InvalidParameterCombination, MissingParameter.
    """
    namespace = params["Namespace"]
    if namespace.startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid.")
    lots: list[tuple[str, Sequence[Shape]]] = [("MetricData", params.get("MetricData", ()))]
    for number, entity in enumerate(params.get("EntityMetricData", ()), 1):
        lots.append((f"EntityMetricData.member.{number}.MetricData", entity.get("MetricData", ())))
    total = sum(len(data) for _, data in lots)
    if total == 0:
        raise Fault("MissingParameter", "The parameter MetricData is required.")
    if total > DATA_MAX:
        raise invalid(f"The collection MetricData must not have a size greater than {DATA_MAX}.")
    taken: dict[Source, list[Point]] = {}
    named = ((f"{lot}.member.{n}", datum) for lot, data in lots for n, datum in enumerate(data, 1))
    for name, datum in named:
        source = Source(
            namespace,
            datum["MetricName"],
            dimensions(datum.get("Dimensions", ()), name),
            datum.get("Unit", "None"),
        )
        taken.setdefault(source, []).append(_point(name, datum, now))
    return taken


def dimensions(given: Sequence[Shape], name: str = "") -> tuple[tuple[str, str], ...]:
    """Sorted by name. Raises Fault for a name that is there twice."""
    found = {one["Name"]: one["Value"] for one in given}
    if len(found) != len(given):
        raise invalid(f"The parameter {name or 'Request'}.Dimensions has a dimension name more than once.")
    return tuple(sorted(found.items()))


def seconds(at: datetime | None, default: int) -> int:
    """Whole seconds since the epoch."""
    return default if at is None else int(at.timestamp() // 1)


def _point(name: str, datum: Shape, now: int) -> Point:
    start = seconds(datum.get("Timestamp"), now)
    if start > now + AHEAD_MAX_S:
        raise invalid(
            f"The parameter {name}.Timestamp must specify a time no more than two hours in the future."
        )
    if start < now - AGE_MAX_S:
        raise invalid(f"The parameter {name}.Timestamp must specify a time within the past two weeks.")
    resolution = datum.get("StorageResolution", 60)
    if resolution not in RESOLUTIONS_S:
        raise invalid(f"The value {resolution} for parameter {name}.StorageResolution is invalid.")
    return Point(start - start % resolution, resolution == 1, _summary(name, datum))


def _summary(name: str, datum: Shape) -> Summary:
    given = [form for form in _FORMS if form in datum]
    if not given:
        raise Fault("MissingParameter", f"At least one of {name}.Value, Values, StatisticValues is required.")
    if len(given) > 1:
        raise combination(
            f"The parameters {name}.{given[0]} and {name}.{given[1]} are mutually exclusive and you have "
            "specified both."
        )
    match given[0]:
        case "Value":
            return one(_number(f"{name}.Value", datum["Value"]))
        case "Values":
            return _values(name, datum["Values"], datum.get("Counts"))
        case _:
            return _set(f"{name}.StatisticValues", datum["StatisticValues"])


def _values(name: str, values: Sequence[float], counts: Sequence[float] | None) -> Summary:
    if not values or len(values) > VALUES_MAX:
        raise invalid(f"The collection {name}.Values must have a size of 1 to {VALUES_MAX}.")
    if counts is not None and len(counts) != len(values):
        raise combination(f"The parameters {name}.Values and {name}.Counts must be of the same size.")
    counts = counts if counts is not None else [1.0] * len(values)
    for number, value in enumerate(chain(values, counts)):
        _number(f"{name}.{'Values' if number < len(values) else 'Counts'}", value)
    if any(count <= 0 for count in counts):
        raise invalid(f"The values of parameter {name}.Counts must be greater than 0.")
    return of_values(zip(values, counts, strict=True))


def _set(name: str, given: Shape) -> Summary:
    members = ("SampleCount", "Sum", "Minimum", "Maximum")
    count, total, least, most = (_number(f"{name}.{member}", given[member]) for member in members)
    if count <= 0:
        raise invalid(f"The value {count} for parameter {name}.SampleCount is invalid.")
    if least > most:
        raise invalid(f"The parameter {name}.Minimum must not be greater than {name}.Maximum.")
    return Summary(count, total, least, most)


def _number(name: str, value: float) -> float:
    """CloudWatch rejects NaN, infinities and what is beyond 2 to the power of 360."""
    if not -VALUE_MAX <= value <= VALUE_MAX:
        raise invalid(f"The value {value} for parameter {name} is invalid.")
    return float(value)
