"""Rows and quotas → shapes of the API."""

from __future__ import annotations

import json
from typing import Any

from windlass.aws.arn import arn
from windlass.aws.calls import Result
from windlass.aws.quotas import Scope
from windlass.kernel.clock import in_seconds
from windlass.services.service_quotas.catalogue import BY_CODE, SERVICES, UNLIMITED, Quota
from windlass.services.service_quotas.model import Request

_ARN_SERVICE = "servicequotas"


def quota(quota: Quota, scope: Scope, value: float) -> Result:
    """A ServiceQuota as the account has it; with account "" as AWS's default, whose ARN names no account."""
    account, region = scope
    shown = {
        "ServiceCode": quota.service,
        "ServiceName": SERVICES[quota.service],
        "QuotaArn": arn(_ARN_SERVICE, region, account, f"{quota.service}/{quota.code}"),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": value < UNLIMITED,
        "GlobalQuota": False,
        "Description": _description(quota, value),
    }
    if quota.period:
        shown["Period"] = {"PeriodValue": 1, "PeriodUnit": quota.period}
    return shown | ({"QuotaAppliedAtLevel": "ACCOUNT"} if account else {})


def request(row: Request) -> Result:
    """A RequestedServiceQuotaChange: every request is approved in the moment it is made."""
    quota = BY_CODE[row.service, row.quota]
    at = in_seconds(row.created_at)
    requester: dict[str, Any] = {"accountId": row.account, "callerArn": row.requester}
    return {
        "Id": row.id,
        "ServiceCode": row.service,
        "ServiceName": SERVICES[row.service],
        "QuotaCode": row.quota,
        "QuotaName": quota.name,
        "DesiredValue": row.desired,
        "Status": "APPROVED",
        "Created": at,
        "LastUpdated": at,
        "Requester": json.dumps(requester, separators=(",", ":")),
        "QuotaArn": arn(_ARN_SERVICE, row.region, row.account, f"{row.service}/{row.quota}"),
        "GlobalQuota": False,
        "Unit": "None",
        "QuotaRequestedAtLevel": "ACCOUNT",
    }


def _description(quota: Quota, value: float) -> str:
    limit = "; the profile sets no limit" if value >= UNLIMITED else ""
    return f"{quota.key} in the profile of Windlass{limit}"
