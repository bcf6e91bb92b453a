"""Timings from CSV and from DescribeTasks' JSON, and what is refused with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.planner.calibration.timings import BadTimings, Timing, read

HEAD = "createdAt,pullStartedAt,pullStoppedAt,startedAt,launchType,image_mb,assignPublicIp\n"
TASK = {
    "createdAt": "2026-11-22T10:00:00+00:00",
    "pullStartedAt": 1_795_341_615.25,
    "launchType": "FARGATE",
    "capacityProviderName": "FARGATE_SPOT",
    "attachments": [{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": []}],
    "containers": [{"name": "web"}],
}


def test_lines_of_csv() -> None:
    """Offsets are heeded, empty cells are what never was, empty lines nothing; others are left alone."""
    text = (
        "taskArn," + HEAD + "a,2026-11-22T11:00:00+01:00,2026-11-22 10:00:14.5Z,,,FARGATE,80,ENABLED\n\n"
        'b,"1795341600",,,,EC2,,\n'
    )
    first, second = read(text, "t.csv")
    assert first == Timing(1_795_341_600, 1_795_341_614.5, public=True, image_mb=80)
    assert (first.provision_s, first.pull_s, first.start_s) == (14.5, None, None)
    assert second == Timing(1_795_341_600, fargate=False)


def test_what_describe_tasks_prints() -> None:
    """One answer after the other, as a shell's >> leaves them."""
    on_host = {"createdAt": 5, "capacityProviderName": "mine", "attachments": []}
    text = json.dumps({"tasks": [TASK], "failures": []}, indent=2) + "\n" + json.dumps({"tasks": [on_host]})
    first, second = read(text, "t.json")
    assert first == Timing(1_795_341_600, 1_795_341_615.25, spot=True)
    assert second == Timing(5, fargate=False, interface=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "t:1: the first line names the columns; there is no createdAt and no launchType"),
        ("createdAt,launchType\n", "t:1: .* no one of pullStartedAt, pullStoppedAt, startedAt"),
        ("createdAt,pulStartedAt,launchType\n", "t:1: unknown column 'pulStartedAt': did you mean pullStart"),
        ("createdat,launchType\n", "t:1: unknown column 'createdat': did you mean createdAt"),
        ("createdAt,createdAt,launchType\n", "t:1: there are two columns 'createdAt'"),
        (HEAD + "1,2,3\n", "t:2: 3 cells; the first line names 7 columns"),
        (HEAD + "1,2,3,4,FARGATE,,\nsoon,2,3,4,EC2,,\n", "t:3: createdAt is 'soon': write 2026-11-22T10"),
        (HEAD + "1795341600000,,,,EC2,,\n", "t:2: createdAt is 1795341600000: a number is of seconds since"),
        (HEAD + "nan,,,,EC2,,\n", "t:2: createdAt is nan"),
        (HEAD + ",2,3,4,EC2,,\n", "t:2: createdAt is missing"),
        (HEAD + "1,5,3,7,EC2,,\n", "t:2: pullStoppedAt is 2 s before pullStartedAt"),
        (HEAD + "9,,,7,EC2,,\n", "t:2: startedAt is 2 s before createdAt"),
        (HEAD + "1,2,3,4,fargate,,\n", "t:2: launchType is 'fargate': it is one of FARGATE, EC2"),
        (HEAD + "1,2,3,4,,,\n", "t:2: launchType is missing"),
        (HEAD + "1,2,3,4,EC2,-5,\n", "t:2: image_mb is '-5'"),
        (HEAD + "1,2,3,4,EC2,5,yes\n", "t:2: assignPublicIp is 'yes'"),
        (HEAD + '1,2,3,4,EC2,5,"\n', "t:2: unexpected end of data"),
        ('{"tasks": [\n{]}', "t:2: "),
        ('{"taskArns": []}', "t:1: no `tasks`, as aws ecs describe-tasks prints"),
        ('{"tasks": []}\n{"tasks": [3]}', "t:2: no `tasks`"),
        ('{"tasks": [{"launchType": "EC2"}]}', r"t:1: tasks\[0\]: createdAt is missing"),
        ('{"tasks": [{"createdAt": {}, "launchType": "EC2"}]}', r"t:1: tasks\[0\]: createdAt is"),
        ('{"tasks": [{"createdAt": 1, "launchType": []}]}', r"t:1: tasks\[0\]: launchType is missing"),
        ('{"tasks": [{"createdAt": 1, "launchType": ["EC2"]}]}', r"t:1: tasks\[0\]: launchType is \['EC2"),
        ("[" * 100_000, "t:1: "),
    ],
)
def test_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(BadTimings, match=f"^{said}"):
        read(text, "t")


@settings(max_examples=40)
@given(st.text(max_size=40) | st.text(max_size=40).map(lambda rest: HEAD + "1,2," + rest))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        assert all(one.created_s >= 0 for one in read(text, "t"))
    except BadTimings as error:
        assert str(error).startswith("t:")
