"""The weights of an alias: which are allowed. Pure; target.py says what they do.

Wording as recorded from AWS in 2024 and 2025. The model checks a weight's range and a version's form.
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.services.lambda_.model import LATEST
from windlass.services.lambda_.package import invalid

Weights = tuple[tuple[str, float], ...]
ADDITIONAL_VERSIONS_MAX = 1
"""Versions beside the first one; AliasRoutingConfiguration."""


def check_weights(version: str, weights: Mapping[str, float]) -> Weights:
    """The weights as an alias of that version keeps them, or the fault that says why not."""
    if len(weights) > ADDITIONAL_VERSIONS_MAX:
        raise invalid(
            f"Number of items in AdditionalVersionWeights cannot be greater than {ADDITIONAL_VERSIONS_MAX}"
        )
    if weights and version == LATEST:
        raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in weights:
        raise invalid(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )
    return tuple(sorted(weights.items()))
