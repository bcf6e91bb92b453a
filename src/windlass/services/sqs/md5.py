"""The MD5 digests that SQS answers with; some SDKs compare them. Pure. (DG sqs-message-metadata)"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from windlass.services.sqs.model import Attribute


def of_bytes(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def of_attributes(attributes: Iterable[Attribute]) -> str:
    """Sorted by name: name, type, a byte (1 text, 2 binary) and value; each but the byte with its length.

    >>> of_attributes([Attribute("Author", "String", "John Grisham"),
    ...     Attribute("Title", "String", "The Whistler"), Attribute("WeeksOn", "Number", "6")])
    'd25a6aea97eb8f585bfa92d314504a92'
    """
    digest = hashlib.md5(usedforsecurity=False)
    for attribute in sorted(attributes, key=lambda a: a.name):
        digest.update(_measured(attribute.name.encode()))
        digest.update(_measured(attribute.type.encode()))
        if attribute.data is not None:
            digest.update(b"\x02" + _measured(attribute.data))
        else:
            digest.update(b"\x01" + _measured((attribute.text or "").encode()))
    return digest.hexdigest()


def _measured(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
