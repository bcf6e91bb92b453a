"""Makes what an Express service needs, and takes it away again, by calls of the services that have it.

Every step looks for what is there already, by the name that its row gives it: a create that failed or was
killed half-way is finished by the same call, and whatever was made is written into the row at once. One load
balancer serves all Express services of a VPC; a rule by host name tells them apart. Known gaps: it listens
for HTTP, since there is no ACM; there is no load balancer for private subnets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Call, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs.express import configuration
from windlass.services.ecs.express.model import EXPRESS, Express
from windlass.services.ecs.service_model import SERVICES, Service

ANYWHERE = "0.0.0.0/0"
RULES_MAX = 25
"""Express services that share a load balancer (ECS Developer Guide, express-service-work)."""
SCALING = "application-autoscaling"
NAMESPACE: Mapping[str, str] = {
    "ServiceNamespace": "ecs",
    "ScalableDimension": "ecs:service:DesiredCount",
}


@dataclass(frozen=True, slots=True)
class Network:
    """Where its tasks and its load balancer are."""

    vpc: str
    cidr: str
    subnets: Sequence[str]


class Provision:
    """The resources of one Express service, on behalf of one call."""

    def __init__(self, call: Call, row: Express) -> None:
        self._call = call
        self.row = row

    async def ask(self, service: str, operation: str, /, **params: Any) -> Result:
        call = self._call
        return await call.calls.run(service, operation, params, caller=call.caller, region=call.region)

    def put(self, **columns: Any) -> None:
        """Write these columns of the row."""
        with self._call.store.transact() as tx:
            self.row = tx[EXPRESS].put(replace(self.row, **columns))

    def service(self) -> Service:
        """The ECS service that was made of it."""
        return self._call.store[SERVICES].require(self.row.key)

    def _made(self, word: str, made: str) -> str:
        self.put(made={**self.row.made, word: made})
        return made

    # what it needs

    async def network(self) -> Network:
        """The subnets that were named, or those of the default VPC. Raises InvalidParameterException."""
        named = self.row.config["networkConfiguration"].get("subnets", ())
        if named:
            found = (await self.ask("ec2", "DescribeSubnets", SubnetIds=list(named)))["Subnets"]
        else:
            only = [{"Name": "default-for-az", "Values": ["true"]}]
            found = (await self.ask("ec2", "DescribeSubnets", Filters=only))["Subnets"]
        vpcs = sorted({subnet["VpcId"] for subnet in found})
        if len(vpcs) != 1:
            why = "The subnets must belong to one VPC." if vpcs else "No default VPC for this user."
            raise Fault("InvalidParameterException", why)
        vpc = (await self.ask("ec2", "DescribeVpcs", VpcIds=vpcs))["Vpcs"][0]
        return Network(vpcs[0], vpc["CidrBlock"], [subnet["SubnetId"] for subnet in found])

    async def load_balancing(self, network: Network) -> None:
        """The load balancer with its listener, two target groups, and the rule that tells it apart."""
        group = await self._security_group(_gateway(network.vpc), network, "load_balancer_group")
        await self._open(group, 80, ANYWHERE)
        name = _gateway(network.vpc)
        try:
            found = await self.ask("elbv2", "DescribeLoadBalancers", Names=[name])
        except Fault as fault:
            if fault.code != "LoadBalancerNotFoundException":
                raise
            found = await self.ask(
                "elbv2", "CreateLoadBalancer", Name=name, Subnets=network.subnets, SecurityGroups=[group]
            )
        balancer = self._made("load_balancer", found["LoadBalancers"][0]["LoadBalancerArn"])
        listener = await self._listener(balancer)
        for word, suffix in (("target_group", "1"), ("alternate", "2")):
            await self._target_group(word, suffix, network)
        await self._rule(listener)

    async def _listener(self, balancer: str) -> str:
        found = (await self.ask("elbv2", "DescribeListeners", LoadBalancerArn=balancer))["Listeners"]
        if not found:
            nobody = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no such service"}
            made = await self.ask(
                "elbv2",
                "CreateListener",
                LoadBalancerArn=balancer,
                Protocol="HTTP",
                Port=80,
                DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": nobody}],
            )
            found = made["Listeners"]
        return self._made("listener", found[0]["ListenerArn"])

    async def _target_group(self, word: str, suffix: str, network: Network) -> None:
        if word in self.row.made:
            return
        config = self.row.config
        made = await self.ask(
            "elbv2",
            "CreateTargetGroup",
            Name=f"ecs-gateway-tg-{self.row.token}{suffix}",
            Protocol="HTTP",
            Port=config["primaryContainer"]["containerPort"],
            VpcId=network.vpc,
            TargetType="ip",
            HealthCheckPath=config["healthCheckPath"],
        )
        self._made(word, made["TargetGroups"][0]["TargetGroupArn"])

    async def _rule(self, listener: str) -> None:
        if "rule" in self.row.made:
            return
        rules = (await self.ask("elbv2", "DescribeRules", ListenerArn=listener))["Rules"]
        taken = {int(rule["Priority"]) for rule in rules if rule["Priority"].isdigit()}
        if len(taken) >= RULES_MAX:
            why = f"At most {RULES_MAX} Express services can share the load balancer of a VPC."
            raise Fault("InvalidParameterException", why)
        groups = [
            {"TargetGroupArn": self.row.made[word], "Weight": weight}
            for word, weight in (("target_group", 100), ("alternate", 0))
        ]
        made = await self.ask(
            "elbv2",
            "CreateRule",
            ListenerArn=listener,
            Priority=min(set(range(1, RULES_MAX + 1)) - taken),
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": hosts(self.row)}}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )
        self._made("rule", made["Rules"][0]["RuleArn"])

    async def security_groups(self, network: Network) -> list[str]:
        """Those of the tasks: the ones named, or one of its own that lets the load balancer in."""
        named = self.row.config["networkConfiguration"].get("securityGroups", ())
        if named:
            return list(named)
        group = await self._security_group(f"ecs-express-{self.row.token}", network, "service_group")
        await self._open(group, self.row.config["primaryContainer"]["containerPort"], network.cidr)
        return [group]

    async def _security_group(self, name: str, network: Network, word: str) -> str:
        same = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [network.vpc]}]
        found = (await self.ask("ec2", "DescribeSecurityGroups", Filters=same))["SecurityGroups"]
        if found:
            return self._made(word, found[0]["GroupId"])
        about = "Made by ECS Express Mode"
        made = await self.ask(
            "ec2", "CreateSecurityGroup", GroupName=name, Description=about, VpcId=network.vpc
        )
        return self._made(word, made["GroupId"])

    async def _open(self, group: str, port: int, cidr: str) -> None:
        ranges = [{"CidrIp": cidr}]
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}
        try:
            await self.ask("ec2", "AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[permission])
        except Fault as fault:
            if fault.code != "InvalidPermission.Duplicate":
                raise

    async def log_group(self) -> None:
        name = self.row.config["primaryContainer"]["awsLogsConfiguration"]["logGroup"]
        try:
            await self.ask("logs", "CreateLogGroup", logGroupName=name)
        except Fault as fault:
            if fault.code != "ResourceAlreadyExistsException":
                raise
        self._made("log_group", name)

    async def definition(self) -> str:
        family = f"{self.row.cluster}-{self.row.name}"
        asked = configuration.task_definition(family, self.row.region, self.row.config)
        made = await self.ask("ecs", "RegisterTaskDefinition", **asked)
        return str(made["taskDefinition"]["taskDefinitionArn"])

    async def health_check(self) -> None:
        """Have both target groups check what the configuration says."""
        path = self.row.config["healthCheckPath"]
        for word in ("target_group", "alternate"):
            group = self.row.made[word]
            await self.ask("elbv2", "ModifyTargetGroup", TargetGroupArn=group, HealthCheckPath=path)

    async def alarm(self) -> str:
        """The name of the alarm that rolls its deployments back; "" in a plane without CloudWatch."""
        if "cloudwatch" not in self._call.calls.services():
            return ""
        name = f"ecs-express-{self.row.token}-rollback"
        await self.ask("cloudwatch", "PutMetricAlarm", **configuration.alarm(name, self.row.made))
        return self._made("alarm", name)

    async def scaling(self) -> None:
        """Its scalable target and policy; in a plane without Application Auto Scaling it stays as it is."""
        if SCALING not in self._call.calls.services():
            return
        scaling = self.row.config["scalingTarget"]
        resource = {**NAMESPACE, "ResourceId": f"service/{self.row.cluster}/{self.row.name}"}
        target = await self.ask(
            SCALING,
            "RegisterScalableTarget",
            **resource,
            MinCapacity=scaling["minTaskCount"],
            MaxCapacity=scaling["maxTaskCount"],
        )
        if target.get("ScalableTargetARN"):
            self._made("scalable_target", target["ScalableTargetARN"])
        policy = await self.ask(
            SCALING,
            "PutScalingPolicy",
            **resource,
            PolicyName=f"ecs-express-{self.row.token}",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration.policy(self.row.config, self.row.made),
        )
        self._made("policy", policy["PolicyARN"])

    # the way back

    async def stop_scaling(self) -> None:
        """Nobody is to change the count of a service that goes."""
        if "policy" in self.row.made and SCALING in self._call.calls.services():
            resource = f"service/{self.row.cluster}/{self.row.name}"
            await self._gone(SCALING, "DeregisterScalableTarget", "policy", **NAMESPACE, ResourceId=resource)
            self._forget("scalable_target")

    async def take_down(self) -> None:
        """Delete all that no other Express service needs. Raises Fault while something is still used."""
        made = self.row.made
        await self.stop_scaling()
        if "rule" in made:
            await self._gone("elbv2", "DeleteRule", "rule", RuleArn=made["rule"])
        if "alarm" in made:
            await self._gone("cloudwatch", "DeleteAlarms", "alarm", AlarmNames=[made["alarm"]])
        for word in ("target_group", "alternate"):
            if word in made:
                await self._gone("elbv2", "DeleteTargetGroup", word, TargetGroupArn=made[word])
        if "service_group" in made:
            await self._gone("ec2", "DeleteSecurityGroup", "service_group", GroupId=made["service_group"])
        shared = self._call.store[EXPRESS].by("vpc", (self.row.account, self.row.region, self.row.vpc))
        if any(row.key != self.row.key for row in shared):
            return
        if "load_balancer" in made:
            arn = made["load_balancer"]
            await self._gone("elbv2", "DeleteLoadBalancer", "load_balancer", LoadBalancerArn=arn)
            self._forget("listener")
        if "load_balancer_group" in made:
            group = made["load_balancer_group"]
            await self._gone("ec2", "DeleteSecurityGroup", "load_balancer_group", GroupId=group)

    async def _gone(self, service: str, operation: str, word: str, **params: Any) -> None:
        """Delete it; what is not there any more is no error."""
        try:
            await self.ask(service, operation, **params)
        except Fault as fault:
            if not fault.code.endswith(("NotFound", "NotFoundException")):
                raise
        self._forget(word)

    def _forget(self, word: str) -> None:
        self.put(made={name: made for name, made in self.row.made.items() if name != word})


def hosts(row: Express) -> list[str]:
    """The host names that are its own: ours, which this machine resolves, and AWS's."""
    return [f"{row.label}.ecs.{row.region}.{domain}" for domain in ("localhost", "on.aws")]


def _gateway(vpc: str) -> str:
    """The name of the load balancer of that VPC, and of its security group: at most 32 characters."""
    return f"ecs-express-gateway-alb-{vpc.removeprefix('vpc-')[:8]}"
