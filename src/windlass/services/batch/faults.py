"""Batch's refusals. All of them are ClientException; only the wording differs. Pure.

What AWS Batch finds wrong with a request's content it words as "Error executing request, Exception : …"
(docs/aws/batch.md); we leave out the request id that follows there, which the answer has in its header.
"""

from __future__ import annotations

from windlass.kernel.faults import Fault


def refuse(message: str) -> Fault:
    """ClientException with that message."""
    return Fault("ClientException", message)


def invalid(message: str) -> Fault:
    """ClientException for content that breaks a rule, as Batch words it."""
    return refuse(f"Error executing request, Exception : {message}")


def missing(reference: str) -> Fault:
    """The resource of that name or ARN is not there."""
    return refuse(f"{reference} does not exist")


def not_here(what: str) -> Fault:
    """A part of Batch that Windlass does not have."""
    return refuse(f"Windlass does not have {what}; see windlass coverage batch")
