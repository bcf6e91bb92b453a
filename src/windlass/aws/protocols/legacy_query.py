"""SQS as its query protocol had it: names and error codes that today's JSON model no longer holds.

The model lists JSON only, but older SDKs and hand-written clients still speak query (sqs fact sheet, sections
1 and 2). The names are data; the flavoured model made from them goes through the ordinary query code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from windlass.aws.wire import Request

SQS = "sqs"
XML_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

LIST_ITEMS: Mapping[str, str] = {
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "AttributeNames": "AttributeName",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "MessageAttributeNames": "MessageAttributeName",
    "TagKeys": "TagKey",
    "QueueUrls": "QueueUrl",
    "queueUrls": "QueueUrl",
    "Messages": "Message",
    "StringListValues": "StringListValue",
    "BinaryListValues": "BinaryListValue",
}
"""List member → its wire name. Lists that are not here (batches, results) go by their item's shape."""

MAPS: Mapping[str, tuple[str, str, str]] = {
    "Attributes": ("Attribute", "Name", "Value"),
    "MessageAttributes": ("MessageAttribute", "Name", "Value"),
    "MessageSystemAttributes": ("MessageSystemAttribute", "Name", "Value"),
    "Tags": ("Tag", "Key", "Value"),
    "tags": ("Tag", "Key", "Value"),
}
"""Map member → its wire name, and those of an entry's key and value."""

_SIMPLE_QUEUE = "AWS.SimpleQueueService."
LEGACY_ERRORS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    SQS: {
        "QueueDoesNotExist": (_SIMPLE_QUEUE + "NonExistentQueue", 400),
        "QueueNameExists": ("QueueAlreadyExists", 400),
        "QueueDeletedRecently": (_SIMPLE_QUEUE + "QueueDeletedRecently", 400),
        "PurgeQueueInProgress": (_SIMPLE_QUEUE + "PurgeQueueInProgress", 403),
        "InvalidParameterValueException": ("InvalidParameterValue", 400),
        "MissingRequiredParameterException": ("MissingParameter", 400),
        "TooManyEntriesInBatchRequest": (_SIMPLE_QUEUE + "TooManyEntriesInBatchRequest", 400),
        "EmptyBatchRequest": (_SIMPLE_QUEUE + "EmptyBatchRequest", 400),
        "BatchEntryIdsNotDistinct": (_SIMPLE_QUEUE + "BatchEntryIdsNotDistinct", 400),
        "InvalidBatchEntryId": (_SIMPLE_QUEUE + "InvalidBatchEntryId", 400),
        "BatchRequestTooLong": (_SIMPLE_QUEUE + "BatchRequestTooLong", 400),
        "MessageNotInflight": (_SIMPLE_QUEUE + "MessageNotInflight", 400),
        "UnsupportedOperation": (_SIMPLE_QUEUE + "UnsupportedOperation", 400),
        "ResourceNotFoundException": ("ResourceNotFoundException", 404),
        "RequestThrottled": ("RequestThrottled", 403),
        "OverLimit": ("OverLimit", 403),
        "InvalidAddress": ("InvalidAddress", 404),
        "InvalidSecurity": ("InvalidSecurity", 403),
        "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
        "KmsDisabled": ("KMS.DisabledException", 400),
        "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
        "KmsInvalidState": ("KMS.InvalidStateException", 400),
        "KmsNotFound": ("KMS.NotFoundException", 400),
        "KmsOptInRequired": ("KMS.OptInRequired", 403),
        "KmsThrottled": ("KMS.ThrottlingException", 400),
    }
}
"""Service → error shape → (query code, status). Sources: sqs fact sheet, section 2."""


def xml_namespace(service: ServiceModel) -> str | None:
    """The namespace of the service's XML answers; None when it has none."""
    found: str | None = XML_NAMESPACE if service.service_name == SQS else service.metadata.get("xmlNamespace")
    return found


def as_query(operation: OperationModel) -> OperationModel:
    """The operation with the traits that query needs; itself unless it is one of SQS's."""
    if operation.service_model.service_name != SQS:
        return operation
    return query_service().operation_model(operation.name)


@lru_cache(maxsize=1)
def query_service() -> ServiceModel:
    """SQS's model as its query clients knew it: flattened lists and maps under singular names."""
    # A second load, because a ServiceModel does not hand out its description. 10 ms, for query clients only.
    description: dict[str, Any] = Loader().load_service_model(SQS, "service-2")
    shapes = description["shapes"]
    for shape in list(shapes.values()):
        for name, member in shape.get("members", {}).items():
            _flatten(name, member, shapes)
    for name, operation in description["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    return ServiceModel(description, SQS)


def _flatten(name: str, member: dict[str, Any], shapes: dict[str, Any]) -> None:
    target = shapes[member["shape"]]
    if target["type"] == "list":
        member["flattened"] = True
        member["locationName"] = LIST_ITEMS.get(name) or target["member"]["shape"]
    elif target["type"] == "map" and name in MAPS:
        wire, key, value = MAPS[name]
        member["flattened"] = True
        member["locationName"] = wire
        target["key"]["locationName"], target["value"]["locationName"] = key, value


def queue_url(request: Request, operation: OperationModel, params: dict[str, Any]) -> dict[str, Any]:
    """Older SQS clients post to the queue's own URL, `/<account>/<queue>`: then that is the QueueUrl."""
    if operation.service_model.service_name != SQS or "QueueUrl" in params or request.path.count("/") < 2:
        return params
    if operation.input_shape is None or "QueueUrl" not in operation.input_shape.members:
        return params
    return {**params, "QueueUrl": f"http://{request.headers.get('host', 'localhost')}{request.path}"}
