"""Log configurations of jobs: what is refused, and Batch's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.faults import Fault
from windlass.services.batch.log_configuration import check, filled

DEFAULTS = {
    "awslogs-group": "/aws/batch/job",
    "awslogs-region": "eu-west-1",
    "awslogs-stream-prefix": "d" * 200,
    "awslogs-create-group": "true",
}


def configured(driver: str = "awslogs", **options: str) -> dict[str, Any]:
    """A logConfiguration with those options; `_` stands for `-`."""
    return {
        "logDriver": driver,
        "options": {name.replace("_", "-"): value for name, value in options.items()},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {**DEFAULTS, "mode": "blocking"}),
        (configured("json-file", max_size="1m"), {**DEFAULTS, "mode": "blocking"}),
        (configured(), DEFAULTS),
        (
            configured(awslogs_group="g", awslogs_stream_prefix="p", mode="non-blocking"),
            {
                **DEFAULTS,
                "awslogs-group": "g",
                "awslogs-stream-prefix": "p",
                "awslogs-create-group": "false",
                "mode": "non-blocking",
            },
        ),
        (
            configured(awslogs_group="g", awslogs_create_group="true", awslogs_region="us-east-1"),
            {**DEFAULTS, "awslogs-group": "g", "awslogs-region": "us-east-1"},
        ),
    ],
)
def test_defaults(given: dict[str, Any] | None, expected: dict[str, str]) -> None:
    assert filled(given, "d" * 300, "eu-west-1") == {"logDriver": "awslogs", "options": expected}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, ""),
        (configured(), ""),
        (configured("json-file"), ""),
        (configured("splunk"), "Windlass does not have the log driver 'splunk'"),
        (configured(nonsense="1"), "disallows options: nonsense"),
        (configured(awslogs_multiline_pattern="("), "could not parse"),
        ({**configured(), "secretOptions": [{"name": "a", "valueFrom": "b"}]}, "secretOptions"),
    ],
)
def test_what_is_refused(given: dict[str, Any] | None, says: str) -> None:
    container = {"image": "busybox"} if given is None else {"image": "busybox", "logConfiguration": given}
    if not says:
        check(container, fargate=False)
        return
    with pytest.raises(Fault) as fault:
        check(container, fargate=False)
    assert fault.value.code == "ClientException"
    assert says in fault.value.message
