"""What security group rules let through: from a call's parameters to single openings, and back. Pure.

A call names sets of permissions, each with several peers; AWS keeps one rule for each peer. Two openings
that are equal are the same rule, whatever they are described as. Sources: EC2 API reference, IpPermission,
AuthorizeSecurityGroupIngress, SecurityGroupRule; VPC User Guide, "Security group rules".
Known gaps: prefix lists, and groups of other accounts or VPCs, are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from windlass.fleet.networks import Rule
from windlass.kernel.faults import Fault
from windlass.services.ec2.cidr import block, block6

ALL = "-1"
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Protocol numbers that AWS shows by name; EC2 API reference, IpPermission, IpProtocol."""
WITH_PORTS = ("tcp", "udp")
PORT_MAX = 65_535
ICMP_MAX = 255


@dataclass(frozen=True, slots=True)
class Opening:
    """One thing that a rule lets through: one protocol, one range of ports, one peer.

    Ports are inclusive; -1 to -1 is all of them. For ICMP they are type and code.
    """

    protocol: str
    from_port: int
    to_port: int
    cidr: str = ""
    cidr6: str = ""
    group_id: str = ""

    def __str__(self) -> str:
        """As AWS names it in errors."""
        peer = self.cidr or self.cidr6 or self.group_id
        protocol = "ALL" if self.protocol == ALL else self.protocol.upper()
        ports = "" if self.from_port == -1 else f"from port: {self.from_port}, to port: {self.to_port}, "
        return f"peer: {peer}, {protocol}, {ports}ALLOW"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An opening that a call names, and what it says about it."""

    opening: Opening
    description: str = ""


class Described(Protocol):
    """What `permissions` needs of a rule."""

    @property
    def opening(self) -> Opening: ...
    @property
    def description(self) -> str: ...


def wanted(permissions: Iterable[Mapping[str, Any]]) -> list[Wanted]:
    """The openings of a call's IpPermissions. Raises what AWS raises for malformed ones."""
    found: list[Wanted] = []
    for permission in permissions:
        protocol, low, high = _ports(permission)
        if permission.get("PrefixListIds"):
            raise Fault("InvalidPrefixListID.NotFound", "Windlass has no prefix lists.")
        made = [
            *(
                Wanted(Opening(protocol, low, high, cidr=_cidr(r)), _text(r))
                for r in _list(permission, "IpRanges")
            ),
            *(
                Wanted(Opening(protocol, low, high, cidr6=_cidr6(r)), _text(r))
                for r in _list(permission, "Ipv6Ranges")
            ),
            *(
                Wanted(Opening(protocol, low, high, group_id=_group(pair)), _text(pair))
                for pair in _list(permission, "UserIdGroupPairs")
            ),
        ]
        if not made:
            raise Fault(
                "MissingParameter",
                "The request must contain the parameter IpRanges, Ipv6Ranges or UserIdGroupPairs",
            )
        found += made
    return found


def from_plain(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """IpPermissions, also of a call that has IpProtocol, FromPort, ToPort and CidrIp of its own."""
    if params.get("IpPermissions"):
        return list(params["IpPermissions"])
    if "CidrIp" not in params and "IpProtocol" not in params:
        raise Fault("MissingParameter", "The request must contain the parameter ipPermissions")
    one = {name: params[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in params}
    return [{**one, "IpRanges": [{"CidrIp": params.get("CidrIp", "")}]}]


def from_rule(request: Mapping[str, Any]) -> Wanted:
    """The opening of a SecurityGroupRuleRequest (ModifySecurityGroupRules)."""
    protocol, low, high = _ports(request)
    described = str(request.get("Description", ""))
    if request.get("CidrIpv4"):
        return Wanted(Opening(protocol, low, high, cidr=_cidr({"CidrIp": request["CidrIpv4"]})), described)
    if request.get("CidrIpv6"):
        return Wanted(
            Opening(protocol, low, high, cidr6=_cidr6({"CidrIpv6": request["CidrIpv6"]})), described
        )
    if request.get("ReferencedGroupId"):
        return Wanted(Opening(protocol, low, high, group_id=request["ReferencedGroupId"]), described)
    raise Fault("MissingParameter", "The request must contain one of CidrIpv4, CidrIpv6, ReferencedGroupId")


def permissions(rules: Sequence[Described], account: str) -> list[dict[str, Any]]:
    """Rules of one direction as DescribeSecurityGroups shows them: one entry for each protocol and ports."""
    shown: dict[tuple[str, int, int], dict[str, Any]] = {}
    for rule in rules:
        opening = rule.opening
        key = (opening.protocol, opening.from_port, opening.to_port)
        entry = shown.get(key)
        if entry is None:
            entry = shown[key] = {"IpProtocol": opening.protocol}
            if opening.protocol != ALL:
                entry |= {"FromPort": opening.from_port, "ToPort": opening.to_port}
            entry |= {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
        about = {"Description": rule.description} if rule.description else {}
        if opening.cidr:
            entry["IpRanges"].append({"CidrIp": opening.cidr, **about})
        elif opening.cidr6:
            entry["Ipv6Ranges"].append({"CidrIpv6": opening.cidr6, **about})
        else:
            entry["UserIdGroupPairs"].append({"GroupId": opening.group_id, "UserId": account, **about})
    return list(shown.values())


def for_nodes(openings: Iterable[tuple[bool, Opening]]) -> tuple[Rule, ...]:
    """(egress, opening) of a group's rules as a node is told: peers with the same ports in one rule.

    IPv6 ranges are left out: no task has an IPv6 address.
    """
    ranges: dict[tuple[bool, str, int, int], tuple[list[str], list[str]]] = {}
    for egress, opening in openings:
        if opening.cidr6:
            continue
        key = (egress, opening.protocol, opening.from_port, opening.to_port)
        found = ranges.setdefault(key, ([], []))
        (found[0] if opening.cidr else found[1]).append(opening.cidr or opening.group_id)
    return tuple(
        Rule("egress" if key[0] else "ingress", key[1], key[2], key[3], tuple(cidrs), tuple(groups))
        for key, (cidrs, groups) in ranges.items()
    )


def _ports(given: Mapping[str, Any]) -> tuple[str, int, int]:
    """(protocol, from, to), checked; both -1 where they mean nothing."""
    protocol = str(given.get("IpProtocol", "")).lower()
    if not protocol:
        raise Fault("MissingParameter", "The request must contain the parameter ipProtocol")
    protocol = PROTOCOLS.get(protocol, protocol)
    known = protocol in PROTOCOLS.values() or protocol == ALL
    if not known and not (protocol.isascii() and protocol.isdecimal() and int(protocol) <= 255):
        raise Fault(
            "InvalidParameterValue",
            f"Invalid value '{protocol}' for IP protocol. Unknown protocol.",
        )
    low, high = given.get("FromPort"), given.get("ToPort")
    if protocol in WITH_PORTS:
        return protocol, *_port_range(protocol, low, high)
    if protocol.startswith("icmp"):
        return protocol, *_icmp(low, high)
    return protocol, -1, -1


def _port_range(protocol: str, low: int | None, high: int | None) -> tuple[int, int]:
    if low is None or high is None:
        raise Fault(
            "InvalidParameterValue",
            f"Invalid value 'Must specify both from and to ports with {protocol.upper()}.' for portRange.",
        )
    if (low, high) == (-1, -1):
        return 0, PORT_MAX
    for port in (low, high):
        if not 0 <= port <= PORT_MAX:
            raise Fault("InvalidParameterValue", f"{protocol.upper()} port ({port}) out of range")
    if low > high:
        raise Fault("InvalidParameterValue", f"Invalid {protocol.upper()} port range ({low}, {high})")
    return low, high


def _icmp(kind: int | None, code: int | None) -> tuple[int, int]:
    kind, code = -1 if kind is None else kind, -1 if code is None else code
    if not -1 <= kind <= ICMP_MAX or not -1 <= code <= ICMP_MAX:
        raise Fault("InvalidParameterValue", f"ICMP type and code ({kind}, {code}) out of range")
    if kind == -1 and code != -1:
        raise Fault("InvalidParameterValue", "ICMP code must be -1 (all) when the type is -1 (all)")
    return kind, code


def _cidr(given: Mapping[str, Any]) -> str:
    written = str(given.get("CidrIp", ""))
    found = block(written)
    if found is None:
        raise Fault("InvalidParameterValue", f"CIDR block {written} is malformed")
    return str(found)


def _cidr6(given: Mapping[str, Any]) -> str:
    written = str(given.get("CidrIpv6", ""))
    found = block6(written)
    if found is None:
        raise Fault("InvalidParameterValue", f"CIDR block {written} is malformed")
    return found


def _group(pair: Mapping[str, Any]) -> str:
    group = str(pair.get("GroupId", ""))
    if not group:
        raise Fault(
            "InvalidParameterCombination",
            "A security group of a VPC is referenced by its GroupId, not by its name.",
        )
    return group


_FORBIDDEN = (
    "A description can have at most 255 characters of a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*"
)
_PUNCTUATION = frozenset(" ._-:/()#,@[]+=&;{}!$*")


def _text(given: Mapping[str, Any]) -> str:
    written = str(given.get("Description", ""))
    if not is_description(written):
        raise Fault("InvalidParameterValue", f"Invalid rule description. {_FORBIDDEN}")
    return written


def is_description(written: str) -> bool:
    """Whether a rule or a group may be described so; EC2 API reference, IpRange, Description."""
    return len(written) <= 255 and all(
        letter in _PUNCTUATION or (letter.isascii() and letter.isalnum()) for letter in written
    )


def _list(permission: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    return permission.get(name) or ()
