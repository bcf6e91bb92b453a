"""What a scenario says of ECS: clusters, definitions, services, and the machines they run on. Pure."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

from windlass.fleet import user_data
from windlass.planner.live import secrets
from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found, Row
from windlass.services.ec2 import instance_types

OF_TASK_SETS = (
    "taskDefinition", "loadBalancers", "networkConfiguration", "launchType", "capacityProviderStrategy",
)  # fmt: skip
"""What services of other deployment controllers say of their task sets."""
ANY_TYPE = "m5.large"
ANY_MACHINE_IMAGE = "ami-0123456789abcdef0"
AWS_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


def draft_groups(draft: Draft) -> None:
    """Auto Scaling groups whose machines join a cluster, with what they launch from."""
    found = draft.found
    provided = {
        one["autoScalingGroupProvider"]["autoScalingGroupArn"]
        for one in found.of("ecs.capacity_providers")
        if "autoScalingGroupProvider" in one
    }
    others = []
    for group in found.of("autoscaling.groups"):
        data = _launch_data(found, group)
        joins = _joined(found, group, user_data.read(data.get("UserData", ""), data.get("ImageId", "")))
        if group["AutoScalingGroupARN"] not in provided and not joins.cluster:
            others.append(group["AutoScalingGroupName"])
            continue
        _draft_group(draft, group, data, joins)
    if others:
        draft.notes.append(f"Auto Scaling groups that join no cluster are left out: {', '.join(others)}")


def _draft_group(draft: Draft, group: Row, data: Row, joins: user_data.AgentSettings) -> None:
    name = group["AutoScalingGroupName"]
    script = f"echo ECS_CLUSTER={joins.cluster} >> /etc/ecs/ecs.config\n"
    if joins.attributes:
        script += (
            f"echo 'ECS_INSTANCE_ATTRIBUTES={json.dumps(dict(joins.attributes))}' >> /etc/ecs/ecs.config\n"
        )
    notes = [f"its machines join the cluster {joins.cluster}; nothing else of its user data is here"]
    template = f"{name}-template"
    kind = _type_of(group, data)
    if (near := _near(kind)) != kind:
        notes.append(f"{kind} of the account is {near} here")
    draft.add(
        "ec2.CreateLaunchTemplate",
        {},
        template,
        {
            "LaunchTemplateName": template,
            "LaunchTemplateData": {
                "ImageId": data.get("ImageId", ANY_MACHINE_IMAGE),
                "InstanceType": near,
                "UserData": base64.b64encode(script.encode()).decode(),
            },
        },
        notes=notes,
    )
    mixed = ["a mix of instance types: only the first is launched"] if "MixedInstancesPolicy" in group else []
    subnets = draft.each_subnet([one for one in group.get("VPCZoneIdentifier", "").split(",") if one])
    draft.add(
        "autoscaling.CreateAutoScalingGroup",
        group,
        name,
        {
            "LaunchTemplate": {"LaunchTemplateName": template, "Version": "$Latest"},
            "VPCZoneIdentifier": ",".join(subnets),
        },
        notes=mixed,
    )
    draft.same[group["AutoScalingGroupARN"]] = name


def _joined(found: Found, group: Row, said: user_data.AgentSettings) -> user_data.AgentSettings:
    """What its machines tell ECS; without a cluster in user data, that of a machine or of a provider."""
    if said.cluster:
        return said
    machines = {one["InstanceId"] for one in group.get("Instances", [])}
    names = {
        one["name"]
        for one in found.of("ecs.capacity_providers")
        if one.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn") == group["AutoScalingGroupARN"]
    }
    joined = [one["clusterArn"] for one in found.of("ecs.instances") if one.get("ec2InstanceId") in machines]
    joined += [
        one["clusterArn"] for one in found.of("ecs.clusters") if names & set(one.get("capacityProviders", ()))
    ]
    return said._replace(cluster=joined[0].rsplit("/", 1)[1]) if joined else said


def _launch_data(found: Found, group: Row) -> Row:
    """What its machines are made of."""
    arn = group["AutoScalingGroupARN"]
    for version in found.of("ec2.launch_template_versions"):
        if version["group"] == arn:
            data: Row = version["LaunchTemplateData"]
            return data
    for configuration in found.of("autoscaling.launch_configurations"):
        if configuration["LaunchConfigurationName"] == group.get("LaunchConfigurationName"):
            return configuration
    return {}


def _type_of(group: Row, data: Row) -> str:
    """What it launches; of a mix the first type."""
    overrides = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", [])
    named = [one["InstanceType"] for one in overrides if "InstanceType" in one]
    return str(next(iter([*named, *([data["InstanceType"]] if "InstanceType" in data else [])]), ANY_TYPE))


def _near(kind: str) -> str:
    """A type of that size that is known here.

    >>> _near("r7iz.2xlarge"), _near("m5.large")
    ('r6i.2xlarge', 'm5.large')
    """
    _, _, size = kind.partition(".")
    near = (kind, f"{kind[:1]}6i.{size}", f"m6i.{size}", ANY_TYPE)
    return next(one for one in near if instance_types.find(one) is not None)


def draft_clusters(draft: Draft) -> None:
    """Capacity providers, clusters, and the container instances that no group launches."""
    found = draft.found
    there = {*AWS_PROVIDERS}
    for provider in found.of("ecs.capacity_providers"):
        group = provider.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn")
        if group in draft.same:
            there.add(provider["name"])
            draft.add("ecs.CreateCapacityProvider", provider, provider["name"])
        elif provider["name"] not in AWS_PROVIDERS:
            draft.notes.append(f"the capacity provider {provider['name']} is left out: its machines are")
    for cluster in found.of("ecs.clusters"):
        name = cluster["clusterName"]
        draft.same[cluster["clusterArn"]] = name
        tasks = sum(one["runningCount"] for one in _services_of(found, cluster))
        alone = cluster.get("runningTasksCount", 0) - tasks
        notes = [f"running tasks of no service, which are not here: {alone}"] if alone > 0 else []
        providers = [one for one in cluster.get("capacityProviders", ()) if one in there]
        draft.add("ecs.CreateCluster", {**cluster, "capacityProviders": providers}, name, notes=notes)
    _draft_instances(draft)


def _services_of(found: Found, cluster: Row) -> list[Row]:
    return [one for one in found.of("ecs.services") if one["clusterArn"] == cluster["clusterArn"]]


def _draft_instances(draft: Draft) -> None:
    found = draft.found
    groups = [one for one in found.of("autoscaling.groups") if one["AutoScalingGroupARN"] in draft.same]
    launched = {one["InstanceId"] for group in groups for one in group.get("Instances", [])}
    counted: Counter[tuple[Any, ...]] = Counter()
    external = 0
    for one in found.of("ecs.instances"):
        attributes = {row["name"]: row.get("value", "") for row in one.get("attributes", [])}
        if one.get("status") != "ACTIVE" or one.get("ec2InstanceId") in launched:
            continue
        if str(one.get("ec2InstanceId", "")).startswith("mi-"):
            external += 1
            continue
        size = {row["name"]: row.get("integerValue", 0) for row in one.get("registeredResources", [])}
        zone = draft.zone(attributes.get("ecs.availability-zone", ""))
        kind = attributes.get("ecs.instance-type", "")
        cluster = draft.same.get(one["clusterArn"], "default")
        counted[cluster, size.get("CPU", 0), size.get("MEMORY", 0), draft.here + zone, kind] += 1
    if external:
        draft.notes.append(f"machines of your own (ECS Anywhere) are left out: {external}")
    for (cluster, cpu, memory, zone, kind), count in sorted(counted.items()):
        row = {"count": count, "cluster": cluster, "cpu": cpu, "memory": memory, "zone": zone}
        draft.instances.append({**row, "type": kind} if kind else row)


def draft_definitions(draft: Draft) -> None:
    """Task definitions that are in use: the revisions of a family count from 1 here."""
    found = draft.found
    numbers: Counter[str] = Counter()
    of_family = Counter(one["family"] for one in found.of("ecs.task_definitions"))
    told = sorted(found.of("ecs.task_definitions"), key=lambda one: (one["family"], one["revision"]))
    for definition in told:
        family = definition["family"]
        numbers[family] += 1
        single = of_family[family] == 1
        draft.same[definition["taskDefinitionArn"]] = family if single else f"{family}:{numbers[family]}"
        containers = [_container(draft, definition, one) for one in definition["containerDefinitions"]]
        notes = [] if single else [f"{family}:{definition['revision']} of the account"]
        described = {**definition, "containerDefinitions": containers}
        made = draft.add("ecs.RegisterTaskDefinition", described, family, notes=notes)
        if draft.with_environment:
            for container, before in zip(made.params["containerDefinitions"], containers, strict=True):
                kept = secrets.harmless(
                    {one["name"]: one.get("value", "") for one in before.get("environment", [])}
                )
                container["environment"] = [{"name": name, "value": value} for name, value in kept.items()]


def _container(draft: Draft, definition: Row, container: Row) -> Row:
    """One container; with an interface of its own a task has no ports of its host, and nobody is healthy."""
    ports = container.get("portMappings", [])
    if definition.get("networkMode") == "awsvpc":
        ports = [{name: value for name, value in one.items() if name != "hostPort"} for one in ports]
    waits = [
        {**one, "condition": "START" if one["condition"] == "HEALTHY" else one["condition"]}
        for one in container.get("dependsOn", ())
    ]
    image = draft.image(container["image"])
    return {**container, "image": image, "portMappings": ports, "dependsOn": waits}


def draft_services(draft: Draft) -> None:
    """Services, as many tasks as they want now."""
    for service in draft.found.of("ecs.services"):
        if service.get("status") == "ACTIVE" and service.get("launchType") != "EXTERNAL":
            _draft_service(draft, service)
        elif service.get("status") == "ACTIVE":
            name = service["serviceName"]
            draft.notes.append(f"the service {name} is left out: it runs on machines of your own")


def _draft_service(draft: Draft, service: Row) -> None:
    name, notes = service["serviceName"], []
    controller = service.get("deploymentController", {}).get("type", "ECS")
    if controller != "ECS":
        notes.append(f"the deployment controller {controller} of the account is ECS here")
        primary = [one for one in service.get("taskSets", ()) if one.get("status") == "PRIMARY"]
        service = {**service, **{key: one[key] for one in primary for key in OF_TASK_SETS if key in one}}
    cluster = draft.same.get(service["clusterArn"], service["clusterArn"])
    said: dict[str, Any] = {"cluster": cluster, "deploymentController": None}
    if service.get("networkConfiguration"):
        said["networkConfiguration"] = draft.network(service["networkConfiguration"])
    if service.get("capacityProviderStrategy"):
        said["launchType"] = None
    if service.get("schedulingStrategy") == "DAEMON":
        said["desiredCount"] = None
    known = {old for one in draft.resources for old in one.gives}
    balancers = [one for one in service.get("loadBalancers", ()) if one.get("targetGroupArn") in known]
    if len(balancers) < len(service.get("loadBalancers", ())):
        notes.append("without its load balancers of other kinds")
    described = {**service, "loadBalancers": balancers}
    until = {"service": name, "cluster": cluster} if service.get("desiredCount", 0) else None
    draft.add("ecs.CreateService", described, name, said, notes=notes, until=until)
