"""Addresses, names and files that a node makes up itself."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.node.network import addressing, files, names


def test_the_first_address_of_a_subnet_is_its_gateway() -> None:
    """As in a VPC."""
    assert addressing.gateway("10.0.1.0/24") == "10.0.1.1"


@given(st.text(), st.integers(0, addressing.LINKS_MAX - 1))
def test_links_are_pairs_that_nobody_has(seed: str, other: int) -> None:
    """From any seed a link is found that the host has not; its number can be told from each end."""
    number = addressing.free_link(seed, set(addressing.link(other)))
    assert number != other
    assert [addressing.link_number(address) for address in addressing.link(number)] == [number, number]
    assert len(names.uplink("0123abcd", number)) <= 15


def test_bridge_addresses_go_round_and_end() -> None:
    """One after the other, so that an address rests after its use; then none is left."""
    assert addressing.bridge_address("", ()) == "172.17.0.2"
    assert addressing.bridge_address("172.17.0.2", {"172.17.0.3"}) == "172.17.0.4"
    assert addressing.bridge_address("172.17.255.254", {"172.17.0.2"}) == "172.17.0.3"
    everybody = {str(address) for address in ipaddress.IPv4Network(addressing.BRIDGE_SUBNET).hosts()}
    with pytest.raises(addressing.NoAddress):
        addressing.bridge_address("", everybody - {"172.17.0.1"})


@given(st.text(min_size=1))
def test_loopback_addresses_are_the_tasks_own(seed: str) -> None:
    """127.64.0.0/10, the same each time, another one when that is taken."""
    address = addressing.loopback_address(seed, ())
    assert ipaddress.IPv4Address(address) in ipaddress.IPv4Network("127.64.0.0/10")
    assert addressing.loopback_address(seed, ()) == address
    assert addressing.loopback_address(seed, {address}) != address


@pytest.mark.parametrize(
    ("routes", "overlap"),
    [((), False), (("10.0.0.0/16",), True), (("10.0.1.7/32",), True), (("10.1.0.0/16",), False)],
)
def test_a_range_that_the_host_has_is_seen(routes: tuple[str, ...], overlap: bool) -> None:
    """Larger, smaller, elsewhere."""
    assert addressing.overlaps("10.0.1.0/24", routes) is overlap


@pytest.mark.parametrize("key", ["", "../vpc", "vpc 1", "x" * 65])
def test_only_ids_become_names_of_files(key: str) -> None:
    """The key of a router is a file under /run/netns."""
    with pytest.raises(ValueError, match="VPC"):
        names.namespace("0123abcd", key)
    assert names.tag_of_namespace(f"windlass-0123abcd-{key}") is None


def test_names_tell_whose_they_are() -> None:
    """Ours are known by their tag, others' are nobody's."""
    assert names.tag_of_namespace(names.namespace("0123abcd", "vpc-1")) == "0123abcd"
    assert names.tag_of_table(names.table("0123abcd")) == "0123abcd"
    assert (names.tag_of_namespace("windlass"), names.tag_of_table("filter")) == (None, None)


@pytest.mark.parametrize(
    ("texts", "servers"),
    [
        (["nameserver 10.0.0.2\nsearch a\n"], "nameserver 10.0.0.2\nsearch a\n"),
        (["# x\nnameserver 127.0.0.53\n", "nameserver 10.0.0.2\n"], "nameserver 10.0.0.2\n"),
        (["search a\nnameserver ::1\n"], "search a\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
        ([], "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
    ],
)
def test_name_servers_are_those_that_can_be_reached(texts: list[str], servers: str) -> None:
    """The host's, without those on its loopback; Docker's when there is none."""
    assert files.resolv_conf(texts) == servers


def test_hosts_lead_to_the_task_itself() -> None:
    """By the whole name and its first part, as the ECS agent writes it."""
    written = files.hosts("10.0.0.5", files.hostname_of("10.0.0.5"))
    assert written.endswith("10.0.0.5\tip-10-0-0-5.ec2.internal ip-10-0-0-5\n")
    assert "127.0.0.1\tlocalhost" in written
