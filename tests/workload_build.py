"""Scenarios with workloads, as text: what is asked, and the resources that a load balancer needs."""

from __future__ import annotations

from windlass.planner.playing.load import Load
from windlass.planner.playing.play import Played, play
from windlass.planner.scenario.reading import parse

FUNCTION = """
  - lambda.CreateFunction:
      FunctionName: resize
      Runtime: python3.12
      Handler: app.handler
      Role: arn:aws:iam::123456789012:role/r
      Timeout: 60
      Code: {ZipFile: "${default.package}"}
"""
DEFINITION = """\
  - ecs.RegisterTaskDefinition:
      family: web
      requiresCompatibilities: [FARGATE, EC2]
      networkMode: awsvpc
      cpu: "256"
      memory: "512"
      containerDefinitions: [{name: web, image: web}]
"""
BALANCED = (
    """
  - ecs.CreateCluster: {clusterName: default}
  - elbv2.CreateLoadBalancer: {Name: web, Subnets: "${default.subnets}"}
    as: lb
  - elbv2.CreateTargetGroup: {Name: web, Protocol: HTTP, Port: 80, VpcId: "${default.vpc}", TargetType: ip}
    as: group
  - elbv2.CreateListener:
      LoadBalancerArn: "${lb.LoadBalancers[0].LoadBalancerArn}"
      Protocol: HTTP
      Port: 80
      DefaultActions: [{Type: forward, TargetGroupArn: "${group.TargetGroups[0].TargetGroupArn}"}]
"""
    + DEFINITION.replace("image: web", "image: web, portMappings: [{containerPort: 80}]")
    + """\
  - ecs.CreateService:
      serviceName: web
      taskDefinition: web
      desiredCount: TASKS
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
      loadBalancers:
        - {targetGroupArn: "${group.TargetGroups[0].TargetGroupArn}", containerName: web, containerPort: 80}
"""
)


def balanced(tasks: int) -> str:
    """Resources: the service `web` of so many tasks behind the load balancer `web`."""
    return BALANCED.replace("TASKS", str(tasks))


def played(resources: str, rest: str, seed: int = 1) -> Played:
    """A scenario of the profile `local`, to its end."""
    text = f"name: s\nprofile: local\nhorizon: 2h\nresources:{resources}\n{rest}"
    return play(parse(text, "s.yaml"), seed)


def load(resources: str, rest: str, seed: int = 1) -> Load:
    """What its only workload came to."""
    [found] = played(resources, rest, seed).loads
    return found
