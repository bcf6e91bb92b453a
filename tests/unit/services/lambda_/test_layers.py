"""Which layer versions a function may ask for, and who may read one."""

from __future__ import annotations

import json

import pytest

from windlass.kernel.faults import Fault
from windlass.services.lambda_.layer_model import LayerUse, LayerVersion
from windlass.services.lambda_.layers import (
    asked_layers,
    check_total,
    layer_of,
    matches,
    may_read,
    statement_of,
    version_of_arn,
)
from windlass.services.lambda_.resource_policy import appended, policy_text, without

STEM = "arn:aws:lambda:eu-west-1:123456789012:layer:"


def a_version(**columns: object) -> LayerVersion:
    fields = {
        "code_sha256": "0" * 64,
        "code_size": 1,
        "unpacked_size": 1,
        "created_at": 0,
        "revision_id": "r",
    }
    return LayerVersion("123456789012", "eu-west-1", "l", 1, **{**fields, **columns})  # type: ignore[arg-type]


def test_names_and_arns() -> None:
    """A name is of the caller's account and Region, an ARN says its own; a version has a number."""
    assert layer_of("l", "1" * 12, "r").key == ("1" * 12, "r", "l", 0)
    assert layer_of(f"{STEM}l", "1" * 12, "r").key == ("123456789012", "eu-west-1", "l", 0)
    found = version_of_arn(f"{STEM}l:7")
    assert found is not None and (found.number, found.arn) == (7, f"{STEM}l:7")
    assert version_of_arn(f"{STEM}l") is None and version_of_arn("l:1") is None


@pytest.mark.parametrize(
    ("arns", "message"),
    [
        ([f"{STEM}l"], "1 validation error detected"),
        ([f"{STEM}l{number}:1" for number in range(6)], "Cannot reference more than 5 layers."),
        ([f"{STEM}l:1", f"{STEM}m:1", f"{STEM}l:2"], "Two different versions of the same layer"),
        ([f"{STEM}l:1", f"{STEM}l:1"], "Two different versions of the same layer"),
        ([f"{STEM}l:1".replace("eu-west-1", "eu-west-2")], "Layers are not in the same region"),
    ],
)
def test_what_is_refused_at_sight(arns: list[str], message: str) -> None:
    with pytest.raises(Fault) as caught:
        asked_layers(arns, "eu-west-1")
    assert caught.value.message.startswith(message)


def test_layers_keep_their_order() -> None:
    """Five of them, and one byte too many."""
    arns = [f"{STEM}l{number}:1" for number in (3, 1, 5, 2, 4)]
    assert [reference.arn for reference in asked_layers(arns, "eu-west-1")] == arns
    layers = [LayerUse(arn, "0" * 64, 1, 50_000_000) for arn in arns]
    check_total(12_144_000, layers)
    with pytest.raises(Fault, match="The actual size is 262144001 bytes"):
        check_total(12_144_001, layers)


@pytest.mark.parametrize(
    ("grant", "reads"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": "999988887777"}, True),
        ({"Principal": "arn:aws:iam::999988887777:root"}, True),
        ({"Principal": "111122223333"}, False),
        ({"Principal": "*", "OrganizationId": "o-abcdefghij"}, False),
    ],
)
def test_who_may_read(grant: dict[str, str], reads: bool) -> None:
    """Its owner always, others by the policy; an organization matches nobody."""
    bare = a_version()
    params = {"StatementId": "s", "Action": "lambda:GetLayerVersion", **grant}
    policy, text = appended((), "s", statement_of(bare, params))
    version = a_version(policy=policy)
    assert may_read(bare, "123456789012") and not may_read(bare, "999988887777")
    assert may_read(version, "999988887777") is reads
    assert json.loads(policy_text(policy))["Statement"] == [json.loads(text)]
    assert without(policy, "s") == ()


def test_listings_filter() -> None:
    version = a_version(runtimes=("python3.12",), architectures=("arm64",))
    assert matches(version, {}) and matches(version, {"CompatibleRuntime": "python3.12"})
    assert not matches(version, {"CompatibleRuntime": "python3.11"})
    assert not matches(version, {"CompatibleRuntime": "python3.12", "CompatibleArchitecture": "x86_64"})


def test_policies_have_an_end() -> None:
    """20 KB at most; a statement id once; no statement of an unknown id goes."""
    policy, _ = appended((), "s", {"x": "y" * 20_000})
    for sid, statement, code in (
        ("s", {}, "ResourceConflictException"),
        ("t", {"x": "y" * 1000}, "PolicyLengthExceededException"),
    ):
        with pytest.raises(Fault) as caught:
            appended(policy, sid, statement)
        assert caught.value.code == code
    with pytest.raises(Fault, match="Statement t is not found"):
        without(policy, "t")
