"""Staging labels: which version has which, after a change. Pure.

Source: Secrets Manager User Guide, "What's in a secret": a label is on one version at a time; when AWSCURRENT
moves, the version that had it gets AWSPREVIOUS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from windlass.kernel.rows import replace
from windlass.services.secretsmanager.model import CURRENT, PREVIOUS, SecretVersion


def moved(versions: Sequence[SecretVersion], stages: Iterable[str], to: str) -> list[SecretVersion]:
    """Those that change when the version `to` gets these labels.

    AWSCURRENT from a to b: b has it, a has AWSPREVIOUS, which whoever had it before loses.
    """
    wanted = list(dict.fromkeys(stages))
    was_current = next((one.id for one in versions if CURRENT in one.stages), "")
    shifts = CURRENT in wanted and was_current not in ("", to)
    changed = []
    for one in versions:
        left = [stage for stage in one.stages if stage not in wanted]
        if shifts:
            left = [stage for stage in left if stage != PREVIOUS]
        if one.id == to:
            left += wanted
        elif shifts and one.id == was_current:
            left.append(PREVIOUS)
        if tuple(left) != one.stages:
            changed.append(replace(one, stages=tuple(left)))
    return changed


def surplus(versions: Sequence[SecretVersion], kept: int) -> list[SecretVersion]:
    """The oldest without a label, above as many as are kept in all."""
    free = [one for one in versions if not one.stages]
    return free[: max(0, len(versions) - kept)]
