"""What tests create App Runner services of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

IMAGE = "public.ecr.aws/docker/library/python:3.13"
PRIVATE = "{account}.dkr.ecr.eu-west-1.amazonaws.com/web:1"
ROLE = "arn:aws:iam::{account}:role/access"


def an_image(command: str = "", **configuration: Any) -> dict[str, Any]:
    """A SourceConfiguration of a public image, which runs that command."""
    if command:
        configuration["StartCommand"] = command
    repository = {"ImageIdentifier": IMAGE, "ImageRepositoryType": "ECR_PUBLIC"}
    return {"ImageRepository": {**repository, "ImageConfiguration": configuration}}


def server(answer: str) -> str:
    """A command that answers every request with that word."""
    handler = (
        "type('H', (h.BaseHTTPRequestHandler,), {'do_GET': lambda self: (self.send_response(200), "
        f"self.end_headers(), self.wfile.write(b'{answer}'))}})"
    )
    start = f"h.ThreadingHTTPServer(('', int(os.environ['PORT'])), {handler}).serve_forever()"
    return f'python3 -c "import os, http.server as h; {start}"'


def serving(answer: str) -> dict[str, Any]:
    """A SourceConfiguration of an image that runs such a server."""
    return an_image(server(answer))


def a_private_image(account: str, owner: str = "") -> dict[str, Any]:
    """A SourceConfiguration of an image in ECR, of that owner, or of the account itself."""
    return {
        "ImageRepository": {
            "ImageIdentifier": PRIVATE.format(account=owner or account),
            "ImageRepositoryType": "ECR",
        },
        "AuthenticationConfiguration": {"AccessRoleArn": ROLE.format(account=account)},
    }


def some_code(url: str = "/srv/app", **configuration: Any) -> dict[str, Any]:
    """A SourceConfiguration of code with an apprunner.yaml; with values, of the API instead."""
    code: dict[str, Any] = {
        "RepositoryUrl": url,
        "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"},
    }
    if configuration:
        values = {"Runtime": "PYTHON_3", **configuration}
        code["CodeConfiguration"] = {"ConfigurationSource": "API", "CodeConfigurationValues": values}
    return {"CodeRepository": code}


@contextmanager
def refused(code: str, why: str = "") -> Iterator[None]:
    """What is called in it is refused with that code, and a message with `why` in it."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert why in error["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
