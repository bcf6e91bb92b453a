"""Finding quotas by what a request says, what is in force, and pages.

Faults as AWS words them, from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from windlass.aws import paging
from windlass.aws.calls import Call, Params
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.services.service_quotas import catalogue
from windlass.services.service_quotas.catalogue import BY_CODE, SERVICES, UNLIMITED, Quota

R = TypeVar("R")
PAGE_MAX = 100
"""MaxResults at most; also when it is not given (unverified). BM."""
_TO_OURS, _TO_AWS = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")


def service(params: Params) -> str:
    """The service code of a request, of a service that has quotas here."""
    code: str = params["ServiceCode"]
    if code not in SERVICES:
        raise Fault(
            "NoSuchResourceException", "The request failed because the specified service does not exist."
        )
    return code


def quota(params: Params) -> Quota:
    """The quota that a request names."""
    found = BY_CODE.get((service(params), params["QuotaCode"]))
    if found is None:
        raise Fault(
            "NoSuchResourceException", "The request failed because the specified quota does not exist."
        )
    if params.get("ContextId"):
        raise Fault("IllegalArgumentException", "The quota has no values of single resources.")
    return found


def default(call: Call, quota: Quota) -> float:
    """The profile's value."""
    profile = call.part(Quotas).profile
    return catalogue.value(quota, profile.quotas, profile.buckets)


def in_force(call: Call, quota: Quota) -> float:
    """The value that holds for the caller, as what enforces it sees it."""
    limit = default(call, quota)
    if limit >= UNLIMITED:
        return limit
    granted = call.part(Quotas).granted(call.scope, quota.key)
    return limit if granted is None else granted


def page(call: Call, params: Params, operation: str, rows: Sequence[R]) -> tuple[list[R], dict[str, str]]:
    """A page of rows that are at hand, and the member that tells of the next one."""
    token = params.get("NextToken")
    chosen = {name: value for name, value in params.items() if name not in ("NextToken", "MaxResults")}
    shown, following = paging.cut(
        rows,
        operation=operation,
        filters=(*call.scope, chosen),
        token=None if token is None else token.translate(_TO_OURS),
        limit=params.get("MaxResults", PAGE_MAX),
        fault=_bad_token,
    )
    return shown, {} if following is None else {"NextToken": following.translate(_TO_AWS)}


def _bad_token() -> Fault:
    return Fault("InvalidPaginationTokenException", "Invalid input was provided.")
