"""Security groups as nft expressions: what a rule lets through, and that nothing else becomes a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.network_build import a_group, an_interface
from windlass.fleet.networks import Rule
from windlass.node.network import firewall
from windlass.node.network.groups import RouterGroups

G = firewall.matches(Rule("ingress", groups=("sg-1",)))[0].removeprefix("ip saddr @")


@pytest.mark.parametrize(
    ("rule", "expressions"),
    [
        (Rule("ingress", "tcp", 443, 443, ("10.0.0.0/8",)), ["ip saddr { 10.0.0.0/8 } tcp dport 443-443"]),
        (Rule("egress", "udp", 1, 9, ("10.0.0.0/8",)), ["ip daddr { 10.0.0.0/8 } udp dport 1-9"]),
        (Rule("ingress", "6", -1, -1, ("0.0.0.0/0",)), ["ip saddr { 0.0.0.0/0 } meta l4proto tcp"]),
        (Rule("ingress", "icmp", 8, 0, ("0.0.0.0/0",)), ["ip saddr { 0.0.0.0/0 } icmp type 8 icmp code 0"]),
        (Rule("ingress", "icmp", -1, -1, ("0.0.0.0/0",)), ["ip saddr { 0.0.0.0/0 } meta l4proto icmp"]),
        (Rule("ingress", "50", -1, -1, ("0.0.0.0/0",)), ["ip saddr { 0.0.0.0/0 } meta l4proto 50"]),
        (Rule("egress", ranges=("10.0.0.0/9", "10.128.0.0/9", "::/0")), ["ip daddr { 10.0.0.0/8 }"]),
        (Rule("ingress", ranges=("::/0",)), []),
        (Rule("ingress", groups=("sg-1",)), [f"ip saddr @{G}"]),
        (
            Rule("ingress", "tcp", 1, 2, ("10.0.0.1/32",), ("sg-1",)),
            ["ip saddr { 10.0.0.1/32 } tcp dport 1-2", f"ip saddr @{G} tcp dport 1-2"],
        ),
        (Rule("ingress"), []),
    ],
)
def test_what_a_rule_lets_through(rule: Rule, expressions: list[str]) -> None:
    """Ranges merged, IPv6 left out, members by their set; a rule without peers lets nothing through."""
    assert firewall.matches(rule) == expressions


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_told_becomes_a_command(id: str, peer: str) -> None:
    """Ids are whatever they are: in commands stand only names of our own making."""
    commands = firewall.group(a_group(id, Rule("ingress", groups=(peer,))), ())
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789 -_;{}@./\n")
    assert set(commands) <= allowed
    assert all(line.split()[0] in ("add", "flush") for line in commands.splitlines())


@pytest.mark.parametrize(
    "mac", ["", "02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:00 }; flush ruleset"]
)
def test_a_hardware_address_is_checked(mac: str) -> None:
    """It stands in commands as it is told."""
    interface = type(an_interface(5))(**{**_fields(an_interface(5)), "mac": mac})
    with pytest.raises(ValueError, match="hardware address"):
        firewall.admit(interface)


def test_a_group_is_written_once_and_again_when_it_changes() -> None:
    """The second task of a group only joins it; members that the plane names stay when one leaves."""
    groups = RouterGroups()
    told = a_group("sg-1", members=(an_interface(5).address,))
    assert groups.tell({"sg-1": told}) == ""
    first = groups.admit(an_interface(5, "sg-1"))
    second = groups.admit(an_interface(6, "sg-1"))
    assert "flush chain" in first and "flush chain" not in second
    assert groups.tell({"sg-1": told}) == ""
    assert an_interface(6).address in groups.tell({"sg-1": a_group("sg-1")})
    assert "members" in groups.dismiss(an_interface(5, "sg-1"))
    groups.tell({"sg-1": told})
    groups.admit(an_interface(5, "sg-1"))
    assert "members" not in groups.dismiss(an_interface(5, "sg-1"))


def _fields(interface: object) -> dict[str, object]:
    return {name: getattr(interface, name) for name in interface.__struct_fields__}  # type: ignore[attr-defined]
