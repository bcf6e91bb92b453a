"""What keeps a function or its versions from taking events, in sentences. Pure.

Decides from rows that others have read (front/functions.py); changes nothing. The sentences are ours: AWS
shows a state and its reason. Known gap: what runs at the moment is in no row, so a function that is throttled
for being busy is told by its metric Throttles and the caller's error.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.fleet.reasons import NOTHING, Reason
from windlass.services.lambda_.model import Function, Settings, Version
from windlass.services.lambda_.provisioned_model import Provisioned
from windlass.services.lambda_.transitions import RESTORING

ACTIVE = Reason(NOTHING, "It is Active and takes events.")


def why(
    function: Function, versions: Sequence[Version] = (), provisioned: Sequence[Provisioned] = ()
) -> list[Reason]:
    """Everything, the weightiest first; ACTIVE alone when there is nothing."""
    found = [_off()] if function.reserved == 0 else []
    found += _state("It", function, function.wanted)
    found += _update(function)
    for version in versions:
        found += _state(f"Version {version.number}", version, version.settings, published=True)
    found += [reason for row in provisioned for reason in _allocation(row)]
    return found or [ACTIVE]


def _off() -> Reason:
    return Reason("RESERVED", "Its reserved concurrency is 0: every event is throttled until it is changed.")


def _state(
    what: str, row: Function | Version, settings: Settings, *, published: bool = False
) -> list[Reason]:
    match row.state:
        case "Pending":
            again = " again" if row.state_code == RESTORING.code else ""
            return [Reason("PENDING", f"{what} is Pending{again}: {_needs(settings, published)}.")]
        case "Failed":
            said = row.state_reason.rstrip(".")
            return [Reason("FAILED", f"{what} is Failed, for good: {said} ({row.state_code}).")]
        case "Inactive":
            return [
                Reason(
                    "INACTIVE",
                    f"{what} is Inactive: nobody has invoked it for long. The next event is refused and has "
                    "it made ready again.",
                )
            ]
        case _:
            return []


def _needs(settings: Settings, published: bool) -> str:
    """What it may wait for, in the order in which it is had."""
    needs = []
    if settings.vpc is not None:
        needs.append("its network interface")
    if settings.image is not None and not settings.image.resolved:
        needs.append(f"the image {settings.image.uri}")
    if settings.snap_start and published:
        needs.append("its snapshot, for which its code is initialised")
    return f"it waits for {', then '.join(needs)}" if needs else "it is being created"


def _update(function: Function) -> list[Reason]:
    if function.update_status == "InProgress":
        needs = _needs(function.wanted, published=False)
        sentence = f"An update is in progress ({needs}): until then the old code and settings serve."
        return [Reason("UPDATING", sentence)]
    if function.update_status == "Failed":
        said = function.update_reason.rstrip(".")
        sentence = (
            f"Its last update failed: {said} ({function.update_code}). The old code and settings serve."
        )
        return [Reason("UPDATE_FAILED", sentence)]
    return []


def _allocation(row: Provisioned) -> list[Reason]:
    standing = row.standing
    if standing.status == "READY":
        return []
    why = f": {standing.reason}" if standing.reason else ""
    counts = f"{standing.allocated} of {row.requested} environments are initialised"
    sentence = f"Provisioned concurrency of {row.qualifier} is {standing.status}{why}; {counts}."
    return [Reason("PROVISIONED", sentence)]
