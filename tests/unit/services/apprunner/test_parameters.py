"""What parameters of a service become, and what they cannot be; more in tests/contract/test_apprunner_*."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import apprunner_build as build
from windlass.kernel.faults import Fault
from windlass.services.apprunner import limits, parameters

ACCOUNT = "123456789012"
CPUS = ("256", "512", "1024", "2048", "4096", "0.25 vCPU", "0.5 vCPU", "1 vCPU", "2 vCPU", "4 vCPU")
SIZES = ("512", "1024", "2048", "3072", "4096", "6144", "8192", "10240", "12288")
MEMORIES = (*SIZES, *(f"{size} GB" for size in ("0.5", 1, 2, 3, 4, 6, 8, 10, 12)))


@given(st.sampled_from(CPUS), st.sampled_from(MEMORIES))
def test_sizes_are_numbers_that_go_together(cpu: str, memory: str) -> None:
    """Any form that the model takes; what comes out goes in again, and stays."""
    try:
        read = parameters.instance({"Cpu": cpu, "Memory": memory})
    except Fault as fault:
        assert fault.code == "InvalidRequestException"
        return
    assert read["Memory"] in limits.SIZES[read["Cpu"]]
    assert parameters.instance({}, read) == parameters.instance(read) == read


@pytest.mark.parametrize(
    ("source", "default"),
    [
        (build.an_image(), False),
        (build.a_private_image(ACCOUNT), True),
        (build.a_private_image(ACCOUNT, "999999999999"), False),
        (build.some_code(), True),
    ],
)
def test_what_is_deployed_by_itself(source: dict[str, Any], default: bool) -> None:
    assert parameters.source(source, ACCOUNT)["AutoDeploymentsEnabled"] is default
    kept = parameters.source({**source, "AutoDeploymentsEnabled": False}, ACCOUNT)
    assert kept["AutoDeploymentsEnabled"] is False


@pytest.mark.parametrize("source", [build.an_image("run"), build.a_private_image(ACCOUNT), build.some_code()])
def test_an_update_of_nothing_changes_nothing(source: dict[str, Any]) -> None:
    """Of each configuration; and what was read once is read the same again."""
    read = parameters.source(source, ACCOUNT)
    assert parameters.source({}, ACCOUNT, read) == parameters.source(read, ACCOUNT) == read
    for part in (parameters.instance, parameters.health_check, parameters.network):
        whole = part({})
        assert part({}, whole) == part(whole) == whole


def test_an_update_keeps_what_it_leaves_out() -> None:
    source = parameters.source(build.a_private_image(ACCOUNT), ACCOUNT)
    off = parameters.source({"AutoDeploymentsEnabled": False}, ACCOUNT, source)
    assert off == {**source, "AutoDeploymentsEnabled": False}
    check = parameters.health_check({"Interval": 9}, parameters.health_check({"Protocol": "HTTP"}))
    assert (check["Protocol"], check["Interval"], check["Path"]) == ("HTTP", 9, "/")
    vpc = {"EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": "arn"}}
    inside = parameters.network({"IpAddressType": "DUAL_STACK"}, parameters.network(vpc))
    assert inside["EgressConfiguration"] == vpc["EgressConfiguration"]
    outside = parameters.network({"EgressConfiguration": {"EgressType": "DEFAULT"}}, inside)
    assert outside["EgressConfiguration"] == {"EgressType": "DEFAULT"}


@given(st.text(max_size=8))
def test_a_port_is_a_number(port: str) -> None:
    """Anything else is refused, and does no harm."""
    try:
        read = parameters.source(build.an_image(Port=port), ACCOUNT)
    except Fault as fault:
        assert fault.code == "InvalidRequestException"
        return
    assert 1 <= int(read["ImageRepository"]["ImageConfiguration"]["Port"]) <= limits.PORT_MAX


def test_tracing_is_on_or_off() -> None:
    assert parameters.observability({"ObservabilityEnabled": False}) == {}
    assert parameters.observability({"ObservabilityEnabled": True}) == {"ObservabilityEnabled": True}
    with pytest.raises(Fault, match="only when ObservabilityEnabled"):
        parameters.observability({"ObservabilityEnabled": False, "ObservabilityConfigurationArn": "arn"})
