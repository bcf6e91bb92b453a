"""What a scenario says of functions and queues, and of what joins them. Pure."""

from __future__ import annotations

from typing import Any

from windlass.planner.live import secrets
from windlass.planner.live.draft import GROUPS, ROLE, Draft
from windlass.planner.live.found import Row
from windlass.services.lambda_.limits import RUNTIMES

ANY_RUNTIME = "python3.12"
ANY_IMAGE = "any"
DISABLED = ("Disabled", "Disabling")
PLAYED = ("sqs", "lambda", "ecs", "batch", "events", "logs")
"""Services that rules of EventBridge aim at here."""
ASSUMING = ("ecs", "batch", "events")
"""Of these, where a rule needs a role."""


def draft_queues(draft: Draft) -> None:
    """Queues: those that others send their dead letters to come first."""
    rows = sorted(draft.found.of("sqs.queues"), key=lambda one: "RedrivePolicy" in one["Attributes"])
    for row in rows:
        told = row["Attributes"]
        name = str(told["QueueArn"]).rsplit(":", 1)[1]
        attributes = {key: value for key, value in told.items() if key != "FifoQueue" or value == "true"}
        waiting = int(told.get("ApproximateNumberOfMessages", 0))
        notes = [f"messages that wait in it, which are not here: {waiting}"] if waiting else []
        gives = {row["QueueUrl"]: "QueueUrl"}
        draft.add(
            "sqs.CreateQueue", {"QueueName": name, "Attributes": attributes}, name, notes=notes, gives=gives
        )


def draft_functions(draft: Draft) -> None:
    """Functions with their concurrency, versions and aliases."""
    for function in draft.found.of("lambda.functions"):
        _draft_function(draft, function)
    aliases = draft.found.of("lambda.aliases")
    provisioned = draft.found.of("lambda.provisioned")
    for name in sorted({one["FunctionName"] for one in (*aliases, *provisioned)}):
        note = "all aliases name this one version here"
        draft.add("lambda.PublishVersion", {}, name, {"FunctionName": name}, notes=[note])
        for alias in aliases:
            if alias["FunctionName"] == name:
                said = {"FunctionName": name, "Name": alias["Name"], "FunctionVersion": "1"}
                draft.add("lambda.CreateAlias", {}, alias["Name"], said)
        for one in provisioned:
            if one["FunctionName"] == name:
                qualifier = str(one["FunctionArn"]).rsplit(":", 1)[1]
                draft.add(
                    "lambda.PutProvisionedConcurrencyConfig",
                    {},
                    name,
                    {
                        "FunctionName": name,
                        "Qualifier": "1" if qualifier.isdigit() else qualifier,
                        "ProvisionedConcurrentExecutions": one["RequestedProvisionedConcurrentExecutions"],
                    },
                )


def _draft_function(draft: Draft, function: Row) -> None:
    name, notes = function["FunctionName"], []
    said: dict[str, Any] = {"Role": ROLE, "Code": {"ZipFile": "${default.package}"}}
    if function.get("PackageType") == "Image":
        said["Code"] = {"ImageUri": ANY_IMAGE}
    elif function.get("Runtime") not in RUNTIMES:
        notes.append(f"{function.get('Runtime')} of the account is {ANY_RUNTIME} here")
        said["Runtime"] = ANY_RUNTIME
    subnets = function.get("VpcConfig", {}).get("SubnetIds")
    if subnets:
        said["VpcConfig"] = {"SubnetIds": draft.subnets(subnets), "SecurityGroupIds": GROUPS}
    variables = secrets.harmless(function.get("Environment", {}).get("Variables", {}))
    if draft.with_environment and variables:
        said["Environment"] = {"Variables": variables}
    layers = function.get("Layers", ())
    if layers:
        notes.append(f"layers that are left out: {len(layers)}")
    draft.add("lambda.CreateFunction", {**function, "Layers": None}, name, said, notes=notes)
    if "Reserved" in function:
        said = {"FunctionName": name, "ReservedConcurrentExecutions": function["Reserved"]}
        draft.add("lambda.PutFunctionConcurrency", {}, name, said)


def draft_mappings(draft: Draft) -> None:
    """Event source mappings from SQS."""
    for mapping in draft.found.of("lambda.mappings"):
        source = str(mapping.get("EventSourceArn", ""))
        function = str(mapping["FunctionArn"]).split(":function:")[-1]
        kind = source.split(":")[2] if source.startswith("arn:") else "another broker"
        if kind != "sqs":
            draft.notes.append(f"the mapping from {kind} to {function} is left out: only SQS is played")
            continue
        said: dict[str, Any] = {"FunctionName": function}
        if mapping.get("State") in DISABLED:
            said["Enabled"] = False
        draft.add("lambda.CreateEventSourceMapping", mapping, function, said)


def draft_rules(draft: Draft) -> None:
    """Rules of EventBridge with what they are aimed at, as far as that is played."""
    found = draft.found
    for bus in sorted({one.get("EventBusName", "default") for one in found.of("events.rules")} - {"default"}):
        draft.add("events.CreateEventBus", {}, bus, {"Name": bus.rsplit("/", 1)[-1]})
    for rule in found.of("events.rules"):
        targets = [target for one in rule["Targets"] if (target := _target(draft, one)) is not None]
        if rule.get("ManagedBy") or not targets:
            continue
        name = rule["Name"]
        dropped = len(rule["Targets"]) - len(targets)
        notes = [f"targets of other kinds that are left out: {dropped}"] if dropped else []
        draft.add("events.PutRule", rule, name, notes=notes)
        draft.add("events.PutTargets", {**rule, "Rule": name, "Targets": targets}, name)
    schedules = [str(one["Name"]) for one in found.of("scheduler.schedules")]
    if schedules:
        draft.notes.append(f"schedules of EventBridge Scheduler are left out: {', '.join(schedules)}")


def _target(draft: Draft, target: Row) -> Row | None:
    """One that is played: in a queue, a function, a cluster or a job queue of this account."""
    service = target["Arn"].split(":")[2]
    if service not in PLAYED:
        return None
    found = {**target, "Arn": draft.placed(target["Arn"])}
    if "EcsParameters" in target:
        parameters = dict(target["EcsParameters"])
        if parameters.get("NetworkConfiguration"):
            spelt = {"AwsvpcConfiguration": parameters["NetworkConfiguration"]["awsvpcConfiguration"]}
            network = draft.network(spelt)
            assert network is not None
            parameters["NetworkConfiguration"] = {"awsvpcConfiguration": network["AwsvpcConfiguration"]}
        found["EcsParameters"] = parameters
    if service in ASSUMING:
        found["RoleArn"] = ROLE
    return found
