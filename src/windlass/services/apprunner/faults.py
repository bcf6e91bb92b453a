"""App Runner's refusals, and their wording. Pure.

AWS publishes no wordings; the two that users have reported are marked (docs/aws/apprunner.md). At most 600
characters, as the model says.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.kernel.faults import Fault

_MESSAGE_CHARS_MAX = 600
_QUOTED_CHARS_MAX = 256
"""Characters of the caller's that are repeated."""

SCALING_IN_USE = (
    "You can't delete the auto scaling configuration. It's used by one or more services. To delete it, "
    "update the services to use other auto scaling configurations."
)
"""As reported: terraform-provider-aws, issue 38534."""


def invalid(message: str) -> Fault:
    """InvalidRequestException: the request's content breaks a rule."""
    return Fault("InvalidRequestException", message[:_MESSAGE_CHARS_MAX])


def bad_state(message: str) -> Fault:
    """InvalidStateException: not while the resource is as it is."""
    return Fault("InvalidStateException", message[:_MESSAGE_CHARS_MAX])


def missing(kind: str, reference: str) -> Fault:
    """ResourceNotFoundException. `kind` is for people: "service"."""
    return Fault("ResourceNotFoundException", f"The {kind} {_quoted(reference)} can't be found.")


def bad_arn(kind: str, reference: str) -> Fault:
    """An ARN that cannot be one of that kind; as reported: amazon-app-runner-deploy, issue 36."""
    return invalid(f"The {kind} ARN you specified isn't valid. ARN: '{_quoted(reference)}'")


def too_many(what: str, most: float) -> Fault:
    """ServiceQuotaExceededException: the account or resource has all that it may have."""
    return Fault("ServiceQuotaExceededException", f"You can have at most {most:.0f} {what}.")


def wrong_status(wanted: str, status: str, allowed: Sequence[str]) -> str:
    """Why a service that is in `status` cannot be `wanted` ("updated")."""
    return f"Service status must be {' or '.join(allowed)} to be {wanted}. It is {status}."


def bad_token() -> Fault:
    return invalid("The NextToken you specified isn't valid.")


def _quoted(text: str) -> str:
    return text[:_QUOTED_CHARS_MAX]
