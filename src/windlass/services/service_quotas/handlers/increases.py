"""RequestServiceQuotaIncrease and the history of requests. Windlass has no desk: every request is granted."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import DAY, Duration
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.service_quotas import describe, find
from windlass.services.service_quotas.model import GRANTED, REQUESTS, Granted, Request

HISTORY_KEPT: Duration = 90 * DAY
"""How long requests are told; BM ListRequestedServiceQuotaChangeHistory. What they granted stays."""
REQUESTS_MAX = 1_000
"""Requests of one account and Region that are remembered; then the oldest makes room. Ours."""


def request_service_quota_increase(call: Call, params: Params) -> Result:
    """Service Quotas RequestServiceQuotaIncrease: APPROVED at once, and in force from the answer on."""
    quota, desired = find.quota(params), float(params["DesiredValue"])
    if desired != int(desired):
        raise Fault("IllegalArgumentException", f"{quota.name} is a whole number.")
    with call.store.transact() as tx:
        if desired <= find.in_force(call, quota):
            raise Fault(
                "IllegalArgumentException",
                "You must provide a quota value greater than the current quota value",
            )
        tx[GRANTED].put(Granted(*call.scope, quota.key, desired))
        _make_room(tx, call)
        row = tx[REQUESTS].put(
            Request(
                id=call.ids.uuid(),
                account=call.account,
                region=call.region,
                service=quota.service,
                quota=quota.code,
                desired=desired,
                requester=call.caller.arn,
                created_at=call.now,
            )
        )
    call.journal.note(
        "service-quotas", f"{call.account}/{call.region}", f"{quota.key} = {desired:g}", "granted"
    )
    return {"RequestedQuota": describe.request(row)}


def get_requested_service_quota_change(call: Call, params: Params) -> Result:
    """Service Quotas GetRequestedServiceQuotaChange."""
    row = call.store[REQUESTS].get(params["RequestId"])
    if row is None or (row.account, row.region) != call.scope:
        raise Fault(
            "NoSuchResourceException", "The request failed because the specified request does not exist."
        )
    return {"RequestedQuota": describe.request(row)}


def list_requested_service_quota_change_history(call: Call, params: Params) -> Result:
    """Service Quotas ListRequestedServiceQuotaChangeHistory: newest first, of the last 90 days."""
    operation = "ListRequestedServiceQuotaChangeHistory"
    if params.get("ServiceCode") is None:
        return _history(call, params, operation, "scope", call.scope)
    return _history(call, params, operation, "service", (*call.scope, find.service(params)))


def list_history_by_quota(call: Call, params: Params) -> Result:
    """Service Quotas ListRequestedServiceQuotaChangeHistoryByQuota."""
    quota = find.quota(params)
    operation = "ListRequestedServiceQuotaChangeHistoryByQuota"
    return _history(call, params, operation, "quota", (*call.scope, quota.service, quota.code))


def _history(call: Call, params: Params, operation: str, index: str, key: tuple[str, ...]) -> Result:
    rows = call.store[REQUESTS].page(index, key, reverse=True)
    told = [row for row in rows if row.created_at > call.now - HISTORY_KEPT]
    if params.get("Status", "APPROVED") != "APPROVED" or params.get("QuotaRequestedAtLevel") == "RESOURCE":
        told = []
    shown, more = find.page(call, params, operation, told)
    return {"RequestedQuotas": [describe.request(row) for row in shown], **more}


def _make_room(tx: Transaction, call: Call) -> None:
    old = tx[REQUESTS].upto("scope", call.scope, call.now - HISTORY_KEPT)
    if not old and tx[REQUESTS].count("scope", call.scope) >= REQUESTS_MAX:
        old = tx[REQUESTS].page("scope", call.scope, limit=1)
    for row in old:
        tx[REQUESTS].delete(row.id)
