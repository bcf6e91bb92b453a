"""What a scenario may wait for: only what something in it makes."""

from __future__ import annotations

import pytest

from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.waiting import check
from windlass.planner.scenario.reading import parse

MADE = """
name: x
resources:
  - ecs.CreateService: {serviceName: web}
  - sqs.CreateQueue: {QueueName: jobs}
"""


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ("{service: web}", ""),
        ("[{service: web}, {queue: jobs}]", ""),
        ("{service: wbe}", "until: nothing makes the service 'wbe': did you mean web?"),
        ("{queue: backlog}", "until: nothing makes the queue 'backlog': there are jobs"),
        ("{job_queue: jobs}", "until: nothing makes the job queue 'jobs': there are none"),
    ],
)
def test_what_nothing_makes_is_not_waited_for(until: str, why: str) -> None:
    scenario = parse(f"{MADE}until: {until}", "x.yaml")
    if not why:
        check(scenario)
        return
    with pytest.raises(CannotPlay) as refused:
        check(scenario)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "more",
    [
        "events: [{at: 1m, call: {ecs.CreateService: {serviceName: late}}}]",
        'events: [{at: 1m, call: {ecs.CreateService: {serviceName: "${some.name}"}}}]',
        "workloads: [{name: w, to: {call: {ecs.CreateService: {serviceName: late}}}, arrivals: {burst: 1}}]",
    ],
)
def test_what_is_made_later_may_be_waited_for(more: str) -> None:
    check(parse(f"{MADE}{more}\nuntil: {{service: late}}", "x.yaml"))
