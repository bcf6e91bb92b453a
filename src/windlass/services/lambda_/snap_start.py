"""SnapStart: which functions may have it, which templates a version needs, and how failures read. Pure.

A version of a function with SnapStart has one template at a time, an environment that is initialised and
takes no events; those that do are forked from it (node/function_template.py). Knows no store and no units;
snapshots.py acts. Source: Lambda developer guide, "Improving startup performance with Lambda SnapStart".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from windlass.fleet.function_messages import INIT_FAILURE, INIT_TIMEOUT
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import EPHEMERAL_MIB_DEFAULT, RUNTIMES
from windlass.services.lambda_.model import Settings
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.transitions import Reason

RUNTIMES_WITH = RUNTIMES[RUNTIMES.index("python3.12") : RUNTIMES.index("python3.14") + 1]
"""Python 3.12 and later; AWS also has it for Java 11 and .NET 8, which do not run here."""
_FAILED = "An error occurred during function initialization."
"""StateReason of a version that could not be initialised; quoted from AWS in serverless/serverless #13847."""


def check(settings: Settings) -> None:
    """Raise the fault of settings that cannot go together with SnapStart.

    The wording for runtimes is AWS's, as quoted in aws-samples/bedrock-chat #617; the others are ours.
    """
    if not settings.snap_start:
        return
    if settings.image is not None:
        raise invalid("SnapStart is not for functions with packageType Image here: leave it out.")
    if settings.runtime not in RUNTIMES_WITH:
        raise invalid(f"{settings.runtime} is not supported for SnapStart enabled functions.")
    if settings.ephemeral_mib > EPHEMERAL_MIB_DEFAULT:
        raise invalid(
            f"Ephemeral storage of more than {EPHEMERAL_MIB_DEFAULT} MB is not supported for SnapStart "
            "enabled functions."
        )


def without_provisioned() -> Fault:
    """The fault of provisioned concurrency for a version with SnapStart. Wording is ours."""
    return invalid("Provisioned Concurrency is not supported for SnapStart enabled function versions.")


@dataclass(frozen=True, slots=True)
class Held:
    """One template that runs or is on its way. `ready`: environments can be forked from it."""

    unit_id: str
    created_at: Instant
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Whether to make a template, and which of them to stop."""

    make: bool = False
    stop: tuple[str, ...] = ()


def plan(wanted: bool, held: Sequence[Held]) -> Plan:
    """One is enough: the newest that is ready, or else the newest on its way.

    wanted, [ready at 5, making at 9] → stop the one of 9.
    """
    if not wanted:
        return Plan(stop=tuple(one.unit_id for one in held))
    if not held:
        return Plan(make=True)
    best = max(held, key=lambda one: (one.ready, one.created_at, one.unit_id))
    return Plan(stop=tuple(one.unit_id for one in held if one is not best))


def failure(reason: str) -> Reason:
    """What a version says whose template ended for that reason (UnitState.reason)."""
    if reason == INIT_FAILURE:
        return Reason("FunctionError", _FAILED)
    if reason == INIT_TIMEOUT:
        return Reason("FunctionError.InitTimeout", _FAILED)
    return Reason("InternalError", f"The snapshot could not be made: {reason or 'no node took it'}")
