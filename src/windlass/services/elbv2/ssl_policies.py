"""Security policies of HTTPS listeners: which there are, their protocols and ciphers. Pure data.

Source: ELB User Guide, describe-ssl-policies (the ciphers of those listed there as recommended and as old
default; from memory, not re-read). The proxies offer what their TLS library offers at TLS 1.2 and later,
whatever the policy: partial.py says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.kernel.faults import Fault

FIRST = "ELBSecurityPolicy-2016-08"
"""What CreateListener takes when none is named (ELB User Guide: the default of the API)."""
_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_FORWARD_GCM = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_FORWARD_SHA2 = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
)
_FORWARD_SHA1 = (
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
)
_RSA_SHA2 = ("AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256")
_RSA_SHA1 = ("AES128-SHA", "AES256-SHA")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy."""

    name: str
    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]


_ALL = (
    Policy(
        FIRST,
        ("TLSv1", "TLSv1.1", "TLSv1.2"),
        _FORWARD_GCM + _FORWARD_SHA2 + _FORWARD_SHA1 + _RSA_SHA2 + _RSA_SHA1,
    ),
    Policy(
        "ELBSecurityPolicy-TLS-1-1-2017-01",
        ("TLSv1.1", "TLSv1.2"),
        _FORWARD_GCM + _FORWARD_SHA2 + _FORWARD_SHA1 + _RSA_SHA2 + _RSA_SHA1,
    ),
    Policy("ELBSecurityPolicy-TLS-1-2-2017-01", ("TLSv1.2",), _FORWARD_GCM + _FORWARD_SHA2 + _RSA_SHA2),
    Policy(
        "ELBSecurityPolicy-TLS-1-2-Ext-2018-06",
        ("TLSv1.2",),
        _FORWARD_GCM + _FORWARD_SHA2 + _FORWARD_SHA1 + _RSA_SHA2 + _RSA_SHA1,
    ),
    Policy("ELBSecurityPolicy-FS-1-2-Res-2020-10", ("TLSv1.2",), _FORWARD_GCM),
    Policy("ELBSecurityPolicy-TLS13-1-3-2021-06", ("TLSv1.3",), _TLS13),
    Policy("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", ("TLSv1.2", "TLSv1.3"), _TLS13 + _FORWARD_GCM),
    Policy(
        "ELBSecurityPolicy-TLS13-1-2-2021-06", ("TLSv1.2", "TLSv1.3"), _TLS13 + _FORWARD_GCM + _FORWARD_SHA2
    ),
    Policy(
        "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        ("TLSv1.2", "TLSv1.3"),
        _TLS13 + _FORWARD_GCM + _FORWARD_SHA2 + _RSA_SHA2,
    ),
    Policy(
        "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
        ("TLSv1.2", "TLSv1.3"),
        _TLS13 + _FORWARD_GCM + _FORWARD_SHA2 + _FORWARD_SHA1 + _RSA_SHA2 + _RSA_SHA1,
    ),
)
POLICIES: Mapping[str, Policy] = {policy.name: policy for policy in _ALL}


def named(name: str) -> Policy:
    """Raises Fault SSLPolicyNotFound."""
    found = POLICIES.get(name)
    if found is None:
        raise Fault("SSLPolicyNotFoundException", f"SSL policy '{name}' not found")
    return found


def shown(policy: Policy) -> dict[str, Any]:
    ciphers = [{"Name": name, "Priority": place} for place, name in enumerate(policy.ciphers, 1)]
    return {
        "Name": policy.name,
        "SslProtocols": list(policy.protocols),
        "Ciphers": ciphers,
        "SupportedLoadBalancerTypes": ["application", "network"],
    }
