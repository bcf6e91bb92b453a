"""GetParametersByPath and DescribeParameters. Filters: SSM API reference, ParameterStringFilter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.services.ssm import limits
from windlass.services.ssm import parameter as rules
from windlass.services.ssm.handlers.parameters import bad_token, described
from windlass.services.ssm.model import PARAMETERS, VERSIONS, Parameter, ParameterVersion

Filter: TypeAlias = tuple[str, str, tuple[str, ...]]
"""(key, option, values); one of the values has to fit."""
_OPTIONS = {
    "Name": ("Equals", "BeginsWith", "Contains"),
    "Path": ("Recursive", "OneLevel"),
}
_KEYS: dict[str, Callable[[Parameter, ParameterVersion], Sequence[str]]] = {
    "Name": lambda row, version: (row.name, row.name.removeprefix("/")),
    "Type": lambda row, version: (version.type,),
    "KeyId": lambda row, version: (version.key_id,),
    "Tier": lambda row, version: (row.tier,),
    "DataType": lambda row, version: (version.data_type,),
    "Label": lambda row, version: version.labels,
}
_BY_PATH = ("Type", "KeyId", "Label", "DataType")
"""What GetParametersByPath filters by."""


def describe_parameters(call: Call, params: Params) -> Result:
    """SSM DescribeParameters: by name; a page that is filtered may be short."""
    filters = _filters(params, tuple(_KEYS))
    rows, token = _page(call, params, "DescribeParameters", filters, limits.PARAMETERS_DESCRIBED)
    found: Result = {"Parameters": [{**described(row, version), "ARN": row.arn} for row, version in rows]}
    return found if token is None else {**found, "NextToken": token}


def get_parameters_by_path(call: Call, params: Params) -> Result:
    """SSM GetParametersByPath: the values of a hierarchy, one level of it or all."""
    path = params["Path"]
    if not path.startswith("/"):
        raise Fault(
            "ValidationException",
            "The parameter doesn't meet the parameter name requirements. The parameter name must "
            "begin with a forward "
            'slash "/".',
        )
    option = "Recursive" if params.get("Recursive") else "OneLevel"
    filters = [*_filters(params, _BY_PATH), ("Path", option, (path,))]
    rows, token = _page(call, params, "GetParametersByPath", filters, limits.PARAMETERS_PAGE)
    decrypted = params.get("WithDecryption", False)
    found: Result = {
        "Parameters": [
            {
                "Name": row.name,
                "Type": version.type,
                "Value": rules.shown_value(version, decrypted),
                "Version": version.number,
                "LastModifiedDate": in_seconds(version.at),
                "ARN": row.arn,
                "DataType": version.data_type,
            }
            for row, version in rows
        ]
    }
    return found if token is None else {**found, "NextToken": token}


def _page(
    call: Call, params: Params, operation: str, filters: Sequence[Filter], most: int
) -> tuple[list[tuple[Parameter, ParameterVersion]], str | None]:
    def latest(row: Parameter) -> ParameterVersion:
        return call.store[VERSIONS].require((*row.key, row.latest))

    rows, token = paging.page(
        call.store[PARAMETERS],
        "scope",
        call.scope,
        operation=operation,
        filters=(*call.scope, list(filters)),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", most),
        fault=bad_token,
        where=lambda row: all(_fits(row, latest(row), one) for one in filters),
    )
    return [(row, latest(row)) for row in rows], token


def _filters(params: Params, keys: Sequence[str]) -> list[Filter]:
    """Both kinds of filters. Raises InvalidFilterKey, InvalidFilterOption, InvalidFilterValue."""
    found = [(given["Key"], "BeginsWith" if given["Key"] == "Name" else "Equals", tuple(given["Values"]))
             for given in params.get("Filters", ())]  # fmt: skip
    for given in params.get("ParameterFilters", ()):
        key = given["Key"]
        options = _OPTIONS.get(key, ("Equals", "BeginsWith"))
        option, values = (
            given.get("Option") or options[0 if key != "Path" else 1],
            tuple(given.get("Values", ())),
        )
        if option not in options:
            raise Fault("InvalidFilterOption", f"The following filter option is not valid: {option}.")
        if not values and not key.startswith("tag:"):
            raise Fault(
                "InvalidFilterValue", f"The following filter values are missing : null for filter key {key}"
            )
        found.append((key, option, values))
    for key, _, _ in found:
        if key not in (*keys, *(("Path",) if "Name" in keys else ())) and not key.startswith("tag:"):
            raise Fault("InvalidFilterKey", f"The following filter key is not valid: {key}.")
    return found


def _fits(row: Parameter, version: ParameterVersion, one: Filter) -> bool:
    key, option, values = one
    if key == "Path":
        return any(rules.below(row.name, path, option == "Recursive") for path in values)
    if key.startswith("tag:"):
        tags = dict(row.tags)
        return key[4:] in tags and (not values or tags[key[4:]] in values)
    had = _KEYS[key](row, version)
    match option:
        case "BeginsWith":
            return any(value.startswith(wanted) for value in had for wanted in values)
        case "Contains":
            return any(wanted in value for value in had for wanted in values)
        case _:
            return any(wanted in had for wanted in values)
