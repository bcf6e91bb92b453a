"""Security groups and address translation as nft commands. Pure: values in, text out.

One table per router (a VPC on this node) and one on the host. Packets between two tasks of a node always
pass their router, also within one subnet, so that one place decides: first whether the sender's groups let
it out, then whether the receiver's let it in. Connections are tracked: answers pass. A packet that no rule
lets through is dropped. What comes from the node itself passes: it is the hypervisor, not a neighbour.

In a router's table, a task's address leads (`egress`, `ingress`) to the chain of its set of groups, that to
the chains of each group; these end at the next question (`goto admit`) or in `accept`.
Known gaps: IPv4 only; a range in a rule that is not IPv4 is left out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from hashlib import sha256

from windlass.fleet.networks import Interface, PortMapping, Rule, SecurityGroup
from windlass.node.network import names
from windlass.node.network.addressing import ENDPOINTS

TABLE = "inet windlass"
"""A router's table."""
ENDPOINTS_PORT = 80
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}


def router_table(host: str) -> str:
    """The table of a router, with nothing in it yet; takes the place of one that was there.

    `host` is the node's address on the uplink: what comes from there is the node's own.
    """
    return f"""
add table {TABLE}
delete table {TABLE}
table {TABLE} {{
  map egress {{ type ether_addr . ipv4_addr : verdict; }}
  map ingress {{ type ipv4_addr : verdict; }}
  map ports {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map plane {{ type inet_service : ipv4_addr . inet_service; }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname "{names.UPLINK}" dnat ip to meta l4proto . th dport map @ports
    iifname "br-*" fib daddr type local dnat ip to tcp dport map @plane
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{names.UPLINK}" masquerade
  }}
  chain input {{
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    iifname "br-*" ip daddr {ENDPOINTS} tcp dport {ENDPOINTS_PORT} accept
    ip daddr != {ENDPOINTS} meta l4proto icmp accept
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct state invalid drop
    iifname "{names.UPLINK}" ct status dnat accept
    iifname "{names.UPLINK}" ip saddr {host} accept
    iifname "{names.UPLINK}" goto admit
    oifname "{names.UPLINK}" ct status dnat accept
    ether saddr . ip saddr vmap @egress
  }}
  chain admit {{
    ip daddr vmap @ingress
    oifname "{names.UPLINK}" accept
    drop
  }}
}}
"""


def reach_plane(host: str, port: int) -> str:
    """Let tasks find the plane at their gateway, on that port."""
    return f"flush map {TABLE} plane\nadd element {TABLE} plane {{ {port} : {host} . {port} }}\n"


def admit(interface: Interface) -> str:
    """Let a task's packets in and out as its groups say; `combination` of them is there."""
    chain = _combination(interface.groups)
    return (
        f"add element {TABLE} egress {{ {_sender(interface)} : goto {chain}-out }}\n"
        f"add element {TABLE} ingress {{ {_address(interface.address)} : goto {chain}-in }}\n"
    )


def admit_anything(interface: Interface) -> str:
    """Mode bridge: no groups, everything passes."""
    return (
        f"add element {TABLE} egress {{ {_sender(interface)} : goto admit }}\n"
        f"add element {TABLE} ingress {{ {_address(interface.address)} : accept }}\n"
    )


def dismiss(interface: Interface) -> str:
    """Nothing from or to that task passes any more. Its elements are there."""
    return (
        f"delete element {TABLE} egress {{ {_sender(interface)} }}\n"
        f"delete element {TABLE} ingress {{ {_address(interface.address)} }}\n"
    )


def combination(groups: Sequence[str]) -> str:
    """The chains of a set of groups: each of them is asked, then the answer is no."""
    name = _combination(groups)
    text = "".join(_member_set(id) for id in sorted(groups))
    for suffix in ("in", "out"):
        chain = f"{TABLE} {name}-{suffix}"
        text += "".join(f"add chain {TABLE} {_group(id)}-{suffix}\n" for id in sorted(groups))
        text += f"add chain {chain}\nflush chain {chain}\n"
        text += "".join(f"add rule {chain} jump {_group(id)}-{suffix}\n" for id in sorted(groups))
        text += f"add rule {chain} drop\n"
    return text


def join(id: str, address: str) -> str:
    """Make that address a member of the group, which is there."""
    return f"add element {TABLE} {_group(id)}-members {{ {_address(address)} }}\n"


def leave(id: str, address: str) -> str:
    """It is a member no more; it is one now."""
    return f"delete element {TABLE} {_group(id)}-members {{ {_address(address)} }}\n"


def group(told: SecurityGroup, members: Iterable[str]) -> str:
    """A group's rules and members, in place of those before. Members of groups that its rules name may be

    none yet: their sets are made.
    """
    name = _group(told.id)
    named = sorted({peer for rule in told.rules for peer in rule.groups})
    text = "".join(_member_set(peer) for peer in (told.id, *named))
    text += f"flush set {TABLE} {name}-members\n"
    if addresses := sorted({_address(member) for member in members}):
        text += f"add element {TABLE} {name}-members {{ {', '.join(addresses)} }}\n"
    for direction, suffix, verdict in (("ingress", "in", "accept"), ("egress", "out", "goto admit")):
        chain = f"{TABLE} {name}-{suffix}"
        text += f"add chain {chain}\nflush chain {chain}\n"
        for rule in told.rules:
            if rule.direction == direction:
                text += "".join(f"add rule {chain} {match} {verdict}\n" for match in matches(rule))
    return text


def matches(rule: Rule) -> list[str]:
    """nft expressions: a packet that fits one is let through. 443 from 10.0.0.0/8 → one expression."""
    side = "saddr" if rule.direction == "ingress" else "daddr"
    what = _what(rule)
    ranges = [str(found) for text in rule.ranges if (found := _range(text)) is not None]
    peers = [f"ip {side} {{ {', '.join(merged)} }}"] if (merged := _merged(ranges)) else []
    peers += [f"ip {side} @{_group(peer)}-members" for peer in rule.groups]
    return [f"{peer} {what}".strip() for peer in peers]


def publish(mapping: PortMapping, address: str) -> str:
    """Lead a port of the node, which arrives at the router under the same number, to a container."""
    to = f"{address} . {mapping.container_port}"
    return f"add element {TABLE} ports {{ {mapping.protocol} . {mapping.host_port} : {to} }}\n"


def withdraw(mapping: PortMapping) -> str:
    return f"delete element {TABLE} ports {{ {mapping.protocol} . {mapping.host_port} }}\n"


# the host's table


def host_table(own: str) -> str:
    """The host's side, with nothing in it yet: routers speak to the world as the node, and to each other only

    through published ports; the plane, which listens on loopback, can be reached by what was translated on
    purpose and by nothing else.
    """
    table, links = f"ip {names.table(own)}", f'"{names.uplinks(own)}*"'
    return f"""
add table {table}
delete table {table}
table {table} {{
  map plane {{ type inet_service : ipv4_addr . inet_service; }}
  map ports {{ type inet_proto . inet_service : ipv4_addr; }}
  chain raw {{
    type filter hook prerouting priority raw; policy accept;
    iifname {links} ip daddr 127.0.0.0/8 drop
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname {links} fib daddr type local dnat ip to tcp dport map @plane
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname {links} ip saddr 127.0.0.0/8 masquerade
    iifname {links} masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname {links} oifname {links} ct status dnat accept
    iifname {links} oifname {links} ct state new drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname {links} ct status dnat accept
    iifname {links} ip daddr 127.0.0.0/8 drop
  }}
}}
"""


def no_host_table(own: str) -> str:
    table = f"ip {names.table(own)}"
    return f"add table {table}\ndelete table {table}\n"


def host_reaches_plane(own: str, port: int, address: str) -> str:
    """What routers send to that port of the node goes to the plane."""
    table = f"ip {names.table(own)}"
    return f"flush map {table} plane\nadd element {table} plane {{ {port} : {address} . {port} }}\n"


def host_publish(own: str, mapping: PortMapping, router: str) -> str:
    """Lead a port of the node to the router of mode bridge."""
    table = f"ip {names.table(own)}"
    return f"add element {table} ports {{ {mapping.protocol} . {mapping.host_port} : {router} }}\n"


def host_withdraw(own: str, mapping: PortMapping) -> str:
    table = f"ip {names.table(own)}"
    return f"delete element {table} ports {{ {mapping.protocol} . {mapping.host_port} }}\n"


# parts


def _sender(interface: Interface) -> str:
    return f"{_mac(interface.mac)} . {_address(interface.address)}"


def _combination(groups: Sequence[str]) -> str:
    """A name for this set of groups; nft takes letters, digits, dots and dashes."""
    return f"all-{sha256(' '.join(sorted(groups)).encode()).hexdigest()[:12]}"


def _member_set(id: str) -> str:
    return f"add set {TABLE} {_group(id)}-members {{ type ipv4_addr; }}\n"


def _group(id: str) -> str:
    """The name of a group's parts, whatever its id has in it."""
    return f"g{sha256(id.encode()).hexdigest()[:12]}"


def _what(rule: Rule) -> str:
    """The part of a rule that is about protocol and ports."""
    protocol = _PROTOCOLS.get(rule.protocol, rule.protocol)
    if protocol == "-1":
        return ""
    if protocol == "icmp":
        return _icmp(rule.from_port, rule.to_port)
    if protocol in ("tcp", "udp"):
        if rule.from_port < 0:
            return f"meta l4proto {protocol}"
        return f"{protocol} dport {int(rule.from_port)}-{int(rule.to_port)}"
    return f"meta l4proto {int(protocol)}"


def _icmp(kind: int, code: int) -> str:
    if kind < 0:
        return "meta l4proto icmp"
    return f"icmp type {int(kind)}" + ("" if code < 0 else f" icmp code {int(code)}")


def _merged(ranges: Sequence[str]) -> list[str]:
    """The same addresses in as few ranges as can be: nft refuses ranges that overlap."""
    return [str(one) for one in ipaddress.collapse_addresses(ipaddress.IPv4Network(r) for r in ranges)]


def _range(text: str) -> ipaddress.IPv4Network | None:
    """None for what is not IPv4."""
    try:
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> str:
    """Checked: it becomes part of a command."""
    return str(ipaddress.IPv4Address(text))


def _mac(text: str) -> str:
    """Checked: it becomes part of a command."""
    parts = text.lower().split(":")
    if len(parts) != 6 or any(len(part) != 2 or not set(part) <= set("0123456789abcdef") for part in parts):
        raise ValueError(f"invalid hardware address {text!r}")
    return ":".join(parts)
