"""Service Quotas: what limits an account in a Region, and requests to raise it, which are granted at once.

The numbers are the profile's; `Quotas` asks here what an account was granted on top (`Grants`). Which quotas
there are stands in catalogue.py. Known gaps: quotas of resources, templates of organizations, tags,
utilisation reports; docs/aws/service-quotas.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.services.plane import Plane, Service
from windlass.services.service_quotas.grants import Grants
from windlass.services.service_quotas.handlers import increases, quotas
from windlass.services.service_quotas.model import TABLES


def _start(plane: Plane) -> Sequence[object]:
    plane.quotas.granted_by(Grants(plane.store).value)
    return ()


_LISTED = "quotas that Windlass knows: those of its profile"
_NO_RESOURCES = "ContextId is refused: there are no quotas of single resources"

SERVICE = Service(
    name="service-quotas",
    handlers={
        "GetAWSDefaultServiceQuota": quotas.get_aws_default_service_quota,
        "GetRequestedServiceQuotaChange": increases.get_requested_service_quota_change,
        "GetServiceQuota": quotas.get_service_quota,
        "ListAWSDefaultServiceQuotas": quotas.list_aws_default_service_quotas,
        "ListRequestedServiceQuotaChangeHistory": increases.list_requested_service_quota_change_history,
        "ListRequestedServiceQuotaChangeHistoryByQuota": increases.list_history_by_quota,
        "ListServiceQuotas": quotas.list_service_quotas,
        "ListServices": quotas.list_services,
        "RequestServiceQuotaIncrease": increases.request_service_quota_increase,
    },
    tables=TABLES,
    start=_start,
    partial={
        "GetServiceQuota": f"{_NO_RESOURCES}; no usage metric",
        "ListServiceQuotas": f"{_LISTED}; no usage metric",
        "ListAWSDefaultServiceQuotas": _LISTED,
        "ListServices": "services of which Windlass knows a quota",
        "RequestServiceQuotaIncrease": f"{_NO_RESOURCES}; SupportCaseAllowed changes nothing",
    },
    invalid="IllegalArgumentException",
    throttled="TooManyRequestsException",
)
