"""When deliveries are tried again: stays within the policy, and ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.services.events.limits import RETRY_LONGEST
from windlass.services.events.retries import Again, Failure, GiveUp, after_failure, failure

THROTTLED = failure("ThrottlingException", "Rate exceeded")


def test_names_what_faults_mean() -> None:
    """Missing targets and permissions are final, throttling is not, wrong parameters are final."""
    assert failure("QueueDoesNotExist", "x") == Failure("NO_RESOURCE", "x", retried=False)
    assert failure("AccessDeniedException", "x").code == "NO_PERMISSIONS"
    assert THROTTLED.code == "THROTTLING" and THROTTLED.retried
    assert failure("InvalidParameterException", "x") == Failure(
        "SDK_CLIENT_ERROR", "InvalidParameterException: x", retried=False
    )
    assert failure("ServiceException", "x", status=500).retried
    assert not failure("NotImplemented", "x", status=501).retried


_POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "MaximumRetryAttempts": st.integers(0, 185),
        "MaximumEventAgeInSeconds": st.integers(60, 86_400),
    },
)


@given(_POLICIES, st.floats(0, 1, exclude_max=True))
def test_a_target_that_never_works_is_given_up(policy: dict[str, int], draw: float) -> None:
    """Attempts, age and pauses stay within the policy, whatever the chance."""
    now, attempts = 0, 0
    while True:
        attempts += 1
        outcome = after_failure(THROTTLED, policy, created_at=0, attempts=attempts, now=now, draw=draw)
        if isinstance(outcome, GiveUp):
            break
        assert isinstance(outcome, Again) and 0 < outcome.at - now <= RETRY_LONGEST
        now = outcome.at
    age = policy.get("MaximumEventAgeInSeconds", 86_400) * SECOND
    assert now <= age and attempts - 1 <= policy.get("MaximumRetryAttempts", 185)
    assert outcome.exhausted in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")


def test_what_retries_cannot_help_is_given_up_at_once() -> None:
    """A missing target is not tried twice, and no condition was exhausted."""
    gone = failure("ResourceNotFoundException", "gone")
    assert after_failure(gone, {}, created_at=0, attempts=1, now=0, draw=0.5) == GiveUp("")
