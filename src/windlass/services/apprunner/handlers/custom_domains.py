"""Custom domains: stored, with the DNS records to add. Nobody looks for those records here: a domain's status

stays PENDING_CERTIFICATE_DNS_VALIDATION.
"""

from __future__ import annotations

import re

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.apprunner import describe, find, limits
from windlass.services.apprunner import describe_configurations as shapes
from windlass.services.apprunner.configuration_model import DOMAINS, CustomDomain
from windlass.services.apprunner.faults import bad_state, invalid, missing
from windlass.services.apprunner.model import Service, Shape

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+", re.ASCII)
PENDING = "PENDING_CERTIFICATE_DNS_VALIDATION"


def associate_custom_domain(call: Call, params: Params) -> Result:
    """App Runner AssociateCustomDomain: a root domain, a subdomain, or *.example.com."""
    name = params["DomainName"].lower()
    www = params.get("EnableWWWSubdomain", not name.startswith("*."))
    if not _NAME.fullmatch(name):
        raise invalid(f"The domain name {name} isn't valid.")
    if www and name.startswith("*."):
        raise invalid("EnableWWWSubdomain can't be used with a wildcard domain.")
    records = tuple(_record(call, one) for one in ((name, f"www.{name}") if www else (name,)))
    with call.store.transact() as tx:
        service = _service(call, tx, params)
        rows = tx[DOMAINS].by("service", service.arn)
        if any(row.name == name for row in rows):
            raise invalid(f"The domain name {name} is already associated with the service.")
        if len(rows) >= limits.DOMAINS_MAX:
            raise invalid(f"A service can have at most {limits.DOMAINS_MAX} custom domains.")
        row = tx[DOMAINS].put(CustomDomain(service.arn, name, www, call.now, PENDING, records))
        return shapes.domains(tx, service, describe.url(service, call.endpoint), [row], "CustomDomain")


def disassociate_custom_domain(call: Call, params: Params) -> Result:
    """App Runner DisassociateCustomDomain: gone at once; the answer says DELETING, as AWS's does."""
    name = params["DomainName"].lower()
    with call.store.transact() as tx:
        service = _service(call, tx, params)
        row = tx[DOMAINS].delete((service.arn, name))
        if row is None:
            raise missing("custom domain", name)
        row = replace(row, status="DELETING")
        return shapes.domains(tx, service, describe.url(service, call.endpoint), [row], "CustomDomain")


def describe_custom_domains(call: Call, params: Params) -> Result:
    """App Runner DescribeCustomDomains: oldest first."""
    service = find.service(call.store, call.scope, params["ServiceArn"])
    index = ("service", service.arn)
    rows, token = find.table_page(call, params, "DescribeCustomDomains", DOMAINS, index)
    target = describe.url(service, call.endpoint)
    return {**shapes.domains(call.store, service, target, rows, "CustomDomains"), **token}


def _service(call: Call, tx: Transaction, params: Params) -> Service:
    """The service, if it is RUNNING: a paused one keeps its domains as they are (DG manage-pause)."""
    service = find.live_service(tx, call.scope, params["ServiceArn"])
    if service.status != "RUNNING":
        raise bad_state(
            f"Service status must be RUNNING to change its custom domains. It is {service.status}."
        )
    return service


def _record(call: Call, name: str) -> Shape:
    """The CNAME record that proves to AWS Certificate Manager whose the name is."""
    bare = name.removeprefix("*.")
    value = f"_{call.ids.hex(32)}.{call.ids.hex(10)}.acm-validations.aws."
    return {
        "Name": f"_{call.ids.hex(32)}.{bare}.",
        "Type": "CNAME",
        "Value": value,
        "Status": "PENDING_VALIDATION",
    }
