"""Rules: from IpPermissions to single openings and back, and what AWS refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.networks import Rule
from windlass.kernel.faults import Fault
from windlass.services.ec2.permissions import Opening, for_nodes, from_plain, from_rule, permissions, wanted


def a_permission(protocol: str = "tcp", **members: Any) -> dict[str, Any]:
    ports = {"FromPort": 80, "ToPort": 80} if protocol in ("tcp", "udp") else {}
    return {"IpProtocol": protocol, **ports, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], **members}


def the_opening(**members: Any) -> Opening:
    [one] = wanted([a_permission(**members)])
    return one.opening


def test_each_peer_is_a_rule_of_its_own() -> None:
    found = wanted(
        [
            a_permission(
                IpRanges=[{"CidrIp": "10.0.0.1/8", "Description": "us"}, {"CidrIp": "1.2.3.4/32"}],
                Ipv6Ranges=[{"CidrIpv6": "::/0"}],
                UserIdGroupPairs=[{"GroupId": "sg-1"}],
            )
        ]
    )
    assert [one.opening for one in found] == [
        Opening("tcp", 80, 80, cidr="10.0.0.0/8"),
        Opening("tcp", 80, 80, cidr="1.2.3.4/32"),
        Opening("tcp", 80, 80, cidr6="::/0"),
        Opening("tcp", 80, 80, group_id="sg-1"),
    ]
    assert found[0].description == "us"


@pytest.mark.parametrize(
    ("protocol", "ports", "meant"),
    [
        ("6", {"FromPort": 1, "ToPort": 2}, ("tcp", 1, 2)),
        ("TCP", {"FromPort": -1, "ToPort": -1}, ("tcp", 0, 65535)),
        ("17", {"FromPort": 53, "ToPort": 53}, ("udp", 53, 53)),
        ("icmp", {"FromPort": 8, "ToPort": -1}, ("icmp", 8, -1)),
        ("1", {}, ("icmp", -1, -1)),
        ("-1", {"FromPort": 22, "ToPort": 22}, ("-1", -1, -1)),
        ("50", {"FromPort": 22, "ToPort": 22}, ("50", -1, -1)),
    ],
)
def test_protocols_and_ports(protocol: str, ports: dict[str, int], meant: tuple[str, int, int]) -> None:
    opening = the_opening(protocol=protocol, **{"FromPort": None, "ToPort": None, **ports})
    assert (opening.protocol, opening.from_port, opening.to_port) == meant


@pytest.mark.parametrize(
    "members",
    [
        {"protocol": "tpc"},
        {"protocol": "256"},
        {"protocol": ""},
        {"FromPort": None},
        {"FromPort": 90},
        {"ToPort": 65536},
        {"FromPort": -2},
        {"protocol": "icmp", "FromPort": 256, "ToPort": 0},
        {"protocol": "icmp", "FromPort": -1, "ToPort": 0},
        {"IpRanges": [{"CidrIp": "10.0.0.0"}]},
        {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ü"}]},
        {"IpRanges": []},
        {"Ipv6Ranges": [{"CidrIpv6": "10.0.0.0/8"}]},
        {"UserIdGroupPairs": [{"GroupName": "web"}]},
        {"PrefixListIds": [{"PrefixListId": "pl-1"}]},
    ],
)
def test_what_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Fault):
        wanted([a_permission(**members)])


def test_the_short_form() -> None:
    short = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    assert wanted(from_plain(short))[0].opening == Opening("tcp", 22, 22, cidr="10.0.0.0/8")
    with pytest.raises(Fault):
        from_plain({})


def test_a_rule_request_has_one_peer() -> None:
    request = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "CidrIpv4": "10.0.0.0/8", "Description": "d"}
    assert from_rule(request).opening == Opening("tcp", 1, 2, cidr="10.0.0.0/8")
    with pytest.raises(Fault):
        from_rule({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2})


OPENINGS = st.builds(
    Opening,
    protocol=st.sampled_from(["tcp", "udp"]),
    from_port=st.sampled_from([1, 2]),
    to_port=st.sampled_from([2, 3]),
    cidr=st.sampled_from(["10.0.0.0/8", "10.1.0.0/16"]),
) | st.builds(Opening, st.just("-1"), st.just(-1), st.just(-1), group_id=st.sampled_from(["sg-1", "sg-2"]))


@given(st.lists(OPENINGS, unique=True))
def test_there_and_back(openings: list[Opening]) -> None:
    """What DescribeSecurityGroups shows can be handed in again, and means the same rules."""

    class Held:
        def __init__(self, opening: Opening) -> None:
            self.opening = opening
            self.description = ""

    shown = permissions([Held(opening) for opening in openings], "123456789012")
    assert {one.opening for one in wanted(shown)} == set(openings)
    assert len({(p["IpProtocol"], p.get("FromPort"), p.get("ToPort")) for p in shown}) == len(shown)


def test_what_nodes_are_told() -> None:
    """Peers of the same ports in one rule; IPv6 is nobody's."""
    told = for_nodes(
        [
            (False, Opening("tcp", 80, 80, cidr="0.0.0.0/0")),
            (False, Opening("tcp", 80, 80, group_id="sg-1")),
            (False, Opening("tcp", 80, 80, cidr6="::/0")),
            (True, Opening("-1", -1, -1, cidr="0.0.0.0/0")),
        ]
    )
    assert told == (
        Rule("ingress", "tcp", 80, 80, ("0.0.0.0/0",), ("sg-1",)),
        Rule("egress", "-1", -1, -1, ("0.0.0.0/0",), ()),
    )
