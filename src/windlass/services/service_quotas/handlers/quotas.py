"""ListServices, ListServiceQuotas, GetServiceQuota, and the same of AWS's defaults: the profile's numbers."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.services.service_quotas import catalogue, describe, find


def list_services(call: Call, params: Params) -> Result:
    """Service Quotas ListServices."""
    rows, more = find.page(call, params, "ListServices", sorted(catalogue.SERVICES.items()))
    return {"Services": [{"ServiceCode": code, "ServiceName": name} for code, name in rows], **more}


def list_service_quotas(call: Call, params: Params) -> Result:
    """Service Quotas ListServiceQuotas: what holds for the caller's account in the Region."""
    quotas = catalogue.of_service(find.service(params))
    if (code := params.get("QuotaCode")) is not None:
        quotas = [quota for quota in quotas if quota.code == code]
    if params.get("QuotaAppliedAtLevel") == "RESOURCE":
        quotas = []
    rows, more = find.page(call, params, "ListServiceQuotas", quotas)
    return {"Quotas": [describe.quota(row, call.scope, find.in_force(call, row)) for row in rows], **more}


def get_service_quota(call: Call, params: Params) -> Result:
    """Service Quotas GetServiceQuota."""
    quota = find.quota(params)
    return {"Quota": describe.quota(quota, call.scope, find.in_force(call, quota))}


def list_aws_default_service_quotas(call: Call, params: Params) -> Result:
    """Service Quotas ListAWSDefaultServiceQuotas: the profile's values, whatever was granted."""
    quotas = catalogue.of_service(find.service(params))
    rows, more = find.page(call, params, "ListAWSDefaultServiceQuotas", quotas)
    return {
        "Quotas": [describe.quota(row, ("", call.region), find.default(call, row)) for row in rows],
        **more,
    }


def get_aws_default_service_quota(call: Call, params: Params) -> Result:
    """Service Quotas GetAWSDefaultServiceQuota."""
    quota = find.quota(params)
    return {"Quota": describe.quota(quota, ("", call.region), find.default(call, quota))}
