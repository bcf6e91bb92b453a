"""Log configurations: what is refused, and what reaches the node."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet import log_options
from windlass.fleet.messages import LogOptions, LogTarget
from windlass.kernel.faults import Fault
from windlass.kernel.linear_regex import searcher

AWSLOGS = {"awslogs-group": "g", "awslogs-region": "us-east-1"}


def configured(driver: str = "awslogs", **options: str) -> dict[str, Any]:
    """A container with those options; `_` stands for `-`."""
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return {"name": "app", "logConfiguration": {"logDriver": driver, "options": given}}


def awslogs(**options: str) -> dict[str, Any]:
    return configured(awslogs_group="g", awslogs_region="us-east-1", **options)


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (configured(awslogs_group="g"), "requires options: awslogs-region"),
        (configured(), "requires options: awslogs-group, awslogs-region"),
        (awslogs(awslogs_stream="mine"), "disallows options: awslogs-stream"),
        (awslogs(awslogs_create_group="yes"), "must be true or false"),
        (awslogs(awslogs_multiline_pattern="("), 'could not parse multiline pattern key "("'),
        (awslogs(awslogs_multiline_pattern="(?=x)"), "could not parse"),
        (awslogs(awslogs_multiline_pattern="a", awslogs_datetime_format="%Y"), "cannot configure both"),
        (awslogs(mode="nonblocking"), "Invalid log driver mode 'nonblocking'"),
        (awslogs(max_buffer_size="many"), "Invalid max-buffer-size 'many'"),
        (configured("splunk", splunk_url="x"), "does not have the log driver 'splunk'"),
        (configured("awsfirelens"), "does not have the log driver 'awsfirelens'"),
    ],
)
def test_what_is_refused(container: dict[str, Any], message: str) -> None:
    """Every rule that a configuration can break is told as a ClientException."""
    with pytest.raises(Fault, match="ClientException") as caught:
        log_options.check(container)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"name": "app"}, LogOptions()),
        (configured("json-file", max_size="1m"), LogOptions()),
        (awslogs(), LogOptions("", False, 10 * 2**20)),
        (awslogs(mode="blocking", max_buffer_size="1m"), LogOptions()),
        (awslogs(mode="non-blocking", max_buffer_size="25M"), LogOptions("", False, 25 * 2**20)),
        (awslogs(max_buffer_size="1kb", awslogs_multiline_pattern="^E"), LogOptions("^E", False, 1024)),
        (awslogs(awslogs_datetime_format=r"\[%y\]", max_buffer_size="9"), LogOptions(r"\[\d{2}\]", False, 9)),
    ],
)
def test_delivery(container: dict[str, Any], expected: LogOptions) -> None:
    """Mode, buffer and the beginning of events; the account's mode is for awslogs that do not say."""
    log_options.check(container)
    assert log_options.delivery(container, "non-blocking") == expected


def test_the_accounts_mode() -> None:
    """defaultLogDriverMode blocking: no buffer for those that do not say."""
    assert log_options.delivery(awslogs(), "blocking") == LogOptions()


def test_where_output_goes() -> None:
    """Another account's Region is taken as it is; a group is made only when the options say so."""
    made = log_options.target(awslogs(awslogs_create_group="1"), "f", "1", "eu-west-1", "t", "r")
    assert made == LogTarget("1", "us-east-1", "g", "r", create_group=True)
    usual = log_options.target(configured("json-file"), "f", "1", "eu-west-1", "t", "r")
    assert usual == LogTarget("1", "eu-west-1", "/ecs/f", "ecs/app/t")
    assert log_options.group_of(awslogs()) == ("us-east-1", "g")
    assert log_options.group_of(awslogs(awslogs_create_group="true")) is None
    assert log_options.group_of(configured("json-file")) is None


DIRECTIVES = "aAwdbBmYyHIpMSfj"


@given(
    st.datetimes(min_value=datetime(1000, 1, 1)),
    st.lists(st.sampled_from(DIRECTIVES), min_size=1, max_size=6),
    st.sampled_from([" ", "-", ":", "/", ", "]),
)
def test_dates_are_found(at: datetime, directives: list[str], between: str) -> None:
    """What strftime writes, the expression of the same format finds, wherever it stands in the line."""
    format = between.join(f"%{directive}" for directive in directives)
    found = searcher(log_options.date_expression(format))
    assert found(at.strftime(format))
    assert found(f"[{at.strftime(format)}] began")


def test_further_directives() -> None:
    """Time zones, milliseconds (the driver's own), a percent sign; what is unknown matches nothing."""
    at = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert searcher(log_options.date_expression("%H:%M:%S%L %z"))(f"{at:%H:%M:%S}.123 {at:%z}")
    assert searcher(log_options.date_expression("%Z 100%%"))("CEST 100%")
    assert log_options.date_expression("%Q%Y%") == r"\d{4}%"
    assert not searcher(log_options.date_expression("%Y-%m-%d"))("  at line 12-34-56")
