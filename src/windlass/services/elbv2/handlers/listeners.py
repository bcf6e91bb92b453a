"""Listeners: create, describe, modify, delete; their attributes and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.elbv2 import (
    actions,
    attributes,
    certificates,
    describe,
    find,
    limits,
    refusals,
    rule_rows,
    ssl_policies,
    tagging,
)
from windlass.services.elbv2.model import (
    DEFAULT_PRIORITY,
    LISTENERS,
    RULES,
    Document,
    Listener,
    LoadBalancer,
    Reads,
    Rule,
)

PROTOCOLS = ("HTTP", "HTTPS")


def create_listener(call: Call, params: Params) -> Result:
    """ELBv2 CreateListener. One that is there with the same settings is answered."""
    protocol, port = _protocol(params.get("Protocol")), params.get("Port")
    if port is None:
        raise refusals.invalid("A port must be specified")
    _refuse(params)
    with call.store.transact() as tx:
        owner = find.load_balancer(tx, call, params["LoadBalancerArn"])
        path = f"{owner.path}/{call.ids.hex(16)}"
        listener = Listener(
            account=call.account,
            region=call.region,
            path=path,
            load_balancer=owner.arn,
            port=port,
            protocol=protocol,
            created_at=call.now,
            tags=tagging.taken(params.get("Tags") or ()),
            **_secured(tx, call, protocol, params),
        )
        shown = actions.checked(params["DefaultActions"], protocol)
        default = Rule(
            account=call.account,
            region=call.region,
            path=f"{path}/{call.ids.hex(16)}",
            listener=listener.arn,
            load_balancer=owner.arn,
            priority=DEFAULT_PRIORITY,
            actions=shown,
        )
        known = _at(tx, owner, port)
        if known is not None:
            if not _same(tx, known, listener, default):
                raise _taken(port)
            return {"Listeners": [_shown(tx, known)]}
        count = tx[LISTENERS].count("load_balancer", owner.arn)
        quota = limits.QUOTAS["listeners-per-application-load-balancer"]
        rule_rows.check_count(call, quota, count, "Listeners", "listeners per load balancer")
        tx[LISTENERS].put(listener)
        rule_rows.put(tx, default, call.part(Quotas), call.now)
        return {"Listeners": [_shown(tx, listener)]}


def describe_listeners(call: Call, params: Params) -> Result:
    """ELBv2 DescribeListeners: of a load balancer, or those named."""
    arns, owner = params.get("ListenerArns") or (), params.get("LoadBalancerArn")
    if bool(arns) == bool(owner):
        raise refusals.invalid("You must specify either listener ARNs or a load balancer ARN")
    if owner:
        find.load_balancer(call.store, call, owner)
        rows = call.store[LISTENERS].by("load_balancer", owner)
    else:
        rows = [find.listener(call.store, call, arn) for arn in dict.fromkeys(arns)]
    shown = [_shown(call.store, row) for row in rows]
    return find.cut(call, params, shown, "DescribeListeners", "Listeners")


def modify_listener(call: Call, params: Params) -> Result:
    """ELBv2 ModifyListener: what is not given stays; certificates go when it becomes an HTTP listener."""
    _refuse(params)
    with call.store.transact() as tx:
        row = find.listener(tx, call, params["ListenerArn"])
        protocol = _protocol(params.get("Protocol", row.protocol))
        port = params.get("Port", row.port)
        owner = find.load_balancer(tx, call, row.load_balancer)
        other = _at(tx, owner, port)
        if other is not None and other.arn != row.arn:
            raise _taken(port)
        secured = _secured(tx, call, protocol, params, row)
        row = tx[LISTENERS].put(replace(row, protocol=protocol, port=port, **secured))
        if params.get("DefaultActions"):
            default = rule_rows.default_of(tx, row.arn)
            shown = actions.checked(params["DefaultActions"], protocol)
            rule_rows.put(tx, replace(default, actions=shown), call.part(Quotas), call.now)
        return {"Listeners": [_shown(tx, row)]}


def delete_listener(call: Call, params: Params) -> None:
    """ELBv2 DeleteListener, with its rules."""
    with call.store.transact() as tx:
        rule_rows.delete_listener(tx, find.listener(tx, call, params["ListenerArn"]).arn)


def describe_listener_attributes(call: Call, params: Params) -> Result:
    """ELBv2 DescribeListenerAttributes."""
    row = find.listener(call.store, call, params["ListenerArn"])
    return {"Attributes": attributes.shown(attributes.of_listener(row.protocol), row.attributes)}


def modify_listener_attributes(call: Call, params: Params) -> Result:
    """ELBv2 ModifyListenerAttributes."""
    with call.store.transact() as tx:
        row = find.listener(tx, call, params["ListenerArn"])
        known = attributes.of_listener(row.protocol)
        after = attributes.changed(known, row.attributes, params["Attributes"], "listener")
        tx[LISTENERS].put(replace(row, attributes=after))
    return {"Attributes": attributes.shown(known, after)}


def add_listener_certificates(call: Call, params: Params) -> Result:
    """ELBv2 AddListenerCertificates: for other names (SNI). One that is there is not added again."""
    with call.store.transact() as tx:
        row = find.listener(tx, call, params["ListenerArn"])
        if row.protocol != "HTTPS":
            raise refusals.configuration("A certificate cannot be specified for HTTP listeners")
        given = _named(call, params["Certificates"])
        after = tuple(dict.fromkeys([*row.certificates, *given]))
        most = rule_rows.limit(call, limits.QUOTAS["certificates-per-application-load-balancer"])
        if most is not None and len(after) - 1 > most:
            raise refusals.too_many("Certificates", most, "certificates per load balancer")
        row = tx[LISTENERS].put(replace(row, certificates=after))
    return {"Certificates": [one for one in describe.certificates(row) if one["CertificateArn"] in given]}


def remove_listener_certificates(call: Call, params: Params) -> None:
    """ELBv2 RemoveListenerCertificates; the default one stays."""
    with call.store.transact() as tx:
        row = find.listener(tx, call, params["ListenerArn"])
        gone = {one.get("CertificateArn") for one in params["Certificates"]}
        if gone & set(row.certificates[:1]):
            raise refusals.not_permitted("Default certificate cannot be removed")
        after = tuple(arn for arn in row.certificates if arn not in gone)
        tx[LISTENERS].put(replace(row, certificates=after))


def describe_listener_certificates(call: Call, params: Params) -> Result:
    """ELBv2 DescribeListenerCertificates, the default one first."""
    row = find.listener(call.store, call, params["ListenerArn"])
    shown = describe.certificates(row)
    return find.cut(call, params, shown, "DescribeListenerCertificates", "Certificates")


def describe_ssl_policies(call: Call, params: Params) -> Result:
    """ELBv2 DescribeSSLPolicies."""
    wanted = params.get("Names") or sorted(ssl_policies.POLICIES)
    shown = [ssl_policies.shown(ssl_policies.named(name)) for name in wanted]
    return find.cut(call, params, shown, "DescribeSSLPolicies", "SslPolicies")


def _shown(reads: Reads, row: Listener) -> Result:
    default = reads[RULES].last("listener", row.arn)
    assert default is not None
    return describe.listener(row, default)


def _protocol(given: str | None) -> Any:
    if given is None:
        raise refusals.invalid("A protocol must be specified")
    if given not in PROTOCOLS:
        message = f"Listener protocol '{given}' must be one of '{', '.join(PROTOCOLS)}'"
        raise Fault("UnsupportedProtocolException", message)
    return given


def _refuse(params: Params) -> None:
    if params.get("AlpnPolicy"):
        raise refusals.configuration("ALPN policies are for listeners of the protocol TLS")
    mode = (params.get("MutualAuthentication") or {}).get("Mode", "off")
    if mode != "off":
        raise refusals.unsupported(f"the mutual authentication mode '{mode}'")


def _secured(
    tx: Transaction, call: Call, protocol: str, params: Params, before: Listener | None = None
) -> dict[str, Any]:
    """The columns of a listener that are about TLS."""
    given: Sequence[Document] = params.get("Certificates") or ()
    if protocol == "HTTP":
        if given or params.get("SslPolicy"):
            what = "A certificate" if given else "An SSL policy"
            raise refusals.configuration(f"{what} cannot be specified for HTTP listeners")
        return {"ssl_policy": "", "certificates": (), "mutual": {}}
    if len(given) > 1:
        raise refusals.configuration("Up to one certificate can be specified for a listener: its default one")
    held = before.certificates if before is not None else ()
    named = _named(call, given)
    arns = tuple(dict.fromkeys([*named, *held[1:]])) if named else held
    if not arns:
        raise refusals.invalid("A certificate must be specified for HTTPS listeners")
    policy = params.get("SslPolicy") or (before.ssl_policy if before is not None else "")
    policy = ssl_policies.named(policy or ssl_policies.FIRST).name
    return {"ssl_policy": policy, "certificates": arns, "mutual": {}}


def _named(call: Call, given: Sequence[Document]) -> list[str]:
    """ARNs of certificates that are there."""
    arns = [one.get("CertificateArn", "") for one in given]
    for arn in arns:
        certificates.require(call, arn)
    return arns


def _at(tx: Transaction, owner: LoadBalancer, port: int) -> Listener | None:
    return next((row for row in tx[LISTENERS].by("load_balancer", owner.arn) if row.port == port), None)


def _same(tx: Transaction, known: Listener, wanted: Listener, default: Rule) -> bool:
    settings = (known.protocol, known.ssl_policy, known.certificates[:1], known.tags)
    return (
        settings == (wanted.protocol, wanted.ssl_policy, wanted.certificates[:1], wanted.tags)
        and rule_rows.default_of(tx, known.arn).actions == default.actions
    )


def _taken(port: int) -> Fault:
    message = f"A listener already exists on port {port} for this load balancer"
    return Fault("DuplicateListenerException", message)
