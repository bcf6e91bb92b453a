"""Parameters against the model: each constraint in AWS's words, and nothing else."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.model import DenormalizedStructureBuilder, Shape, ShapeResolver

from windlass.aws.check import PATTERN_CHARS_MAX, VALUE_CHARS_MAX, check
from windlass.kernel.faults import Fault

SESSION = botocore.session.get_session()


def a_structure(required: tuple[str, ...] = (), **members: dict[str, Any]) -> Shape:
    shape = DenormalizedStructureBuilder().with_members(members).build_model()
    shape.metadata["required"] = list(required)
    return shape


def input_of(service: str, operation: str) -> Shape:
    return SESSION.get_service_model(service).operation_model(operation).input_shape


def refusal(params: dict[str, Any], shape: Shape, skip: frozenset[str] = frozenset()) -> str | None:
    """The message, or None when the parameters are accepted."""
    try:
        check(params, shape, "ValidationException", skip)
    except Fault as fault:
        assert fault.code == "ValidationException"
        return fault.message
    return None


NAME = {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]+"}
COLOUR = {"type": "string", "enum": ["red", "blue"]}


@pytest.mark.parametrize(
    ("member", "value", "constraint"),
    [
        (NAME, "abc", None),
        (NAME, "abcde", "Member must have length less than or equal to 4"),
        (NAME, "a", "Member must have length greater than or equal to 2"),
        (NAME, "A-B", "Member must satisfy regular expression pattern: [a-z]+"),
        (COLOUR, "red", None),
        (COLOUR, "green", "Member must satisfy enum value set: [red, blue]"),
        ({"type": "integer", "min": 1, "max": 10}, 10, None),
        ({"type": "integer", "min": 1, "max": 10}, 11, "Member must have value less than or equal to 10"),
        ({"type": "integer", "min": 1, "max": 10}, 0, "Member must have value greater than or equal to 1"),
        ({"type": "integer", "min": 0}, -1, "Member must have value greater than or equal to 0"),
        ({"type": "double", "max": 1}, 1.5, "Member must have value less than or equal to 1"),
        ({"type": "string"}, "anything\x00", None),
    ],
)
def test_one_value(member: dict[str, Any], value: object, constraint: str | None) -> None:
    """Each constraint of a scalar, and its text."""
    message = refusal({"TheName": value}, a_structure(TheName=member))
    expected = f"1 validation error detected: Value '{value}' at 'theName' failed to satisfy constraint: "
    assert message == (None if constraint is None else expected + constraint)


def test_blobs_and_lists_and_maps_have_lengths() -> None:
    """Sizes of what holds things."""
    shape = a_structure(
        blob={"type": "blob", "max": 3},
        items={"type": "list", "max": 1, "member": {"type": "string"}},
        pairs={"type": "map", "min": 1, "key": {"type": "string"}, "value": {"type": "string"}},
    )
    assert refusal({"blob": b"abc", "items": ["a"], "pairs": {"a": "b"}}, shape) is None
    message = refusal({"blob": b"abcd", "items": ["a", "b"], "pairs": {}}, shape)
    assert message == (
        "3 validation errors detected: "
        "Value 'java.nio.HeapByteBuffer[pos=0 lim=4 cap=4]' at 'blob' failed to satisfy constraint: "
        "Member must have length less than or equal to 3; "
        "Value '[a, b]' at 'items' failed to satisfy constraint: "
        "Member must have length less than or equal to 1; "
        "Value '{}' at 'pairs' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_required_members_anywhere() -> None:
    """Null is named by its path, list members by number."""
    inner = {"type": "structure", "members": {"Key": {"type": "string"}}}
    shape = a_structure(required=("Tags",), Tags={"type": "list", "member": inner})
    assert refusal({}, shape) == (
        "1 validation error detected: Value null at 'tags' failed to satisfy constraint: "
        "Member must not be null"
    )
    tags = input_of("iam", "TagRole")
    message = refusal({"RoleName": "r", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "a"}]}, tags)
    assert message == (
        "1 validation error detected: Value null at 'tags.2.member.value' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_scalars_in_lists_and_maps() -> None:
    """Lambda's words: the whole list once, with all constraints of its members."""
    shape = a_structure(
        colours={"type": "list", "member": COLOUR},
        pairs={"type": "map", "key": NAME, "value": {"type": "string", "max": 1}},
    )
    assert refusal({"colours": ["red", "green"]}, shape) == (
        "1 validation error detected: Value '[red, green]' at 'colours' failed to satisfy constraint: Member "
        "must satisfy constraint: [Member must satisfy enum value set: [red, blue], Member must not be null]"
    )
    keys = refusal({"pairs": {"A": "b"}}, shape)
    assert keys is not None
    assert keys.startswith(
        "1 validation error detected: Value '{A=b}' at 'pairs' failed to satisfy constraint: Map keys must "
        "satisfy constraint: [Member must have length less than or equal to 4, "
    )
    values = refusal({"pairs": {"ab": "cd"}}, shape)
    assert values is not None
    assert "Map value must satisfy constraint: [Member must have length less than or equal to 1" in values


@pytest.mark.parametrize("kind", ["required", "range", "enum", "pattern"])
def test_a_service_may_word_a_kind_itself(kind: str) -> None:
    """Skipped kinds are not checked, the others are."""
    broken = {
        "range": {"name": "abcde"},
        "pattern": {"name": "AB"},
        "enum": {"colour": "green"},
        "required": {},
    }
    shape = a_structure(required=("name",), name=NAME, colour=COLOUR)
    for other, params in broken.items():
        given = {"name": "abc", **params} if other == "enum" else params
        assert (refusal(given, shape, frozenset({kind})) is None) == (other == kind)


def test_secrets_are_not_repeated() -> None:
    """A sensitive value stays out of the message; a long one is cut."""
    secret = a_structure(password={"type": "string", "max": 3, "sensitive": True})
    assert refusal({"password": "hunter2"}, secret) == (
        "1 validation error detected: Value at 'password' failed to satisfy constraint: "
        "Member must have length less than or equal to 3"
    )
    message = refusal({"name": "x" * 10**6}, a_structure(name=NAME))
    assert message is not None
    assert len(message) < VALUE_CHARS_MAX + 300


def test_a_pattern_sees_no_endless_string() -> None:
    """Beyond the bound only lengths are checked."""
    shape = a_structure(name={"type": "string", "pattern": "[a-z]+"})
    assert refusal({"name": "A" * PATTERN_CHARS_MAX}, shape) is not None
    assert refusal({"name": "A" * (PATTERN_CHARS_MAX + 1)}, shape) is None


def test_shapes_that_hold_themselves() -> None:
    """A tree is checked to its leaves."""
    shapes = {
        "Tree": {"type": "structure", "members": {"name": {"shape": "Name"}, "parts": {"shape": "Trees"}}},
        "Trees": {"type": "list", "member": {"shape": "Tree"}, "max": 2},
        "Name": {"type": "string", "max": 3},
    }
    tree = ShapeResolver(shapes).get_shape_by_name("Tree")
    good = {"name": "a", "parts": [{"name": "b", "parts": [{"name": "c"}]}]}
    assert refusal(good, tree) is None
    bad = {"parts": [{"parts": [{"name": "long"}]}]}
    message = refusal(bad, tree)
    assert message is not None
    assert "Value 'long' at 'parts.1.member.parts.1.member.name'" in message


def test_real_shapes() -> None:
    """RunTask and CreateFunction as the models have them."""
    run_task = input_of("ecs", "RunTask")
    assert refusal({"taskDefinition": "web:1", "launchType": "FARGATE"}, run_task) is None
    message = refusal({"taskDefinition": "web:1", "launchType": "MOON"}, run_task)
    assert message is not None
    assert (
        "at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: [EC2, " in message
    )
    message = refusal(
        {"FunctionName": "f", "MemorySize": 1}, input_of("lambda", "UpdateFunctionConfiguration")
    )
    assert message is not None
    assert "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater" in message


def test_no_shape_no_check() -> None:
    """Operations without input."""
    check({}, None, "ValidationException")
    check({}, input_of("sts", "GetCallerIdentity"), "ValidationError")
