"""Required parameters: the same as the model's, refused in SQS's words."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from windlass.kernel.faults import Fault
from windlass.services.sqs import SERVICE, required

MODEL = ServiceModel(Loader().load_service_model("sqs", "service-2"))


def test_all_operations_are_served_and_checked() -> None:
    """23 operations, and each requires what the model says, entries of batches too."""
    assert sorted(SERVICE.handlers) == sorted(required.REQUIRED) == sorted(MODEL.operation_names)
    for operation, members in required.REQUIRED.items():
        shape = MODEL.operation_model(operation).input_shape
        assert list(members) == list(shape.required_members)
        if "Entries" in members:
            entry = shape.members["Entries"].member
            assert list(required.IN_ENTRIES[operation]) == list(entry.required_members)


@pytest.mark.parametrize(
    ("operation", "params", "name"),
    [
        ("SendMessage", {"QueueUrl": "u"}, "MessageBody"),
        ("SendMessage", {"MessageBody": "x"}, "QueueUrl"),
        (
            "SendMessageBatch",
            {"QueueUrl": "u", "Entries": [{"Id": "1", "MessageBody": "x"}, {"Id": "2"}]},
            "SendMessageBatchRequestEntry.2.MessageBody",
        ),
    ],
)
def test_what_is_missing_is_named(operation: str, params: dict[str, object], name: str) -> None:
    """MissingParameter, with the member's name."""
    with pytest.raises(Fault) as raised:
        required.check(operation, params)
    assert raised.value.query_code == "MissingParameter"
    assert raised.value.message == f"The request must contain the parameter {name}."
