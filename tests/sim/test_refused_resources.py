"""What of a scenario's resources cannot be made, and why: one short world."""

from __future__ import annotations

from windlass.planner.playing.play import refusals
from windlass.planner.scenario.reading import parse

SCENARIO = """
name: x
profile: aws-2022
resources:
  - lambda.CreateFunction:
      FunctionName: resize
      Runtime: python3.12
      Handler: app.handler
      Role: "arn:aws:iam::${default.account}:role/r"
      Code: {ZipFile: "${default.package}"}
    as: resize
  - ecs.CreateService: {serviceName: web, taskDefinition: nothing, desiredCount: 1}
    as: web
  - sqs.CreateQueue: {QueueName: "${web.service.serviceName}"}
  - sqs.CreateQueue: {QueueName: "${resize.FunctionName}"}
  - sqs.CreateQueu: {QueueName: jobs}
"""


def test_one_refusal_is_not_the_end() -> None:
    """What names an answer that is not there is refused with it; what does not is made."""
    refused = refusals(parse(SCENARIO, "x.yaml"))
    assert sorted(refused) == [1, 2, 4]
    assert "nothing is called 'web'" in refused[2]
    assert all(why.startswith(("ecs.CreateService: ", "sqs.CreateQueu")) for why in (refused[1], refused[4]))
