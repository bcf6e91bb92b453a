"""What a scenario says of App Runner. Pure."""

from __future__ import annotations

from windlass.planner.live.draft import ROLE, Draft
from windlass.planner.live.found import Row
from windlass.planner.live.images import REGISTRY

THERE = ("RUNNING", "OPERATION_IN_PROGRESS")
OWN_DEFAULT = "DefaultConfiguration"
"""The auto scaling configuration that every account has."""


def draft_app_runner(draft: Draft) -> None:
    """Auto scaling configurations and services."""
    for configuration in draft.found.of("apprunner.scaling_configurations"):
        name = configuration["AutoScalingConfigurationName"]
        if name != OWN_DEFAULT:
            arn = configuration["AutoScalingConfigurationArn"]
            gives = {arn: "AutoScalingConfiguration.AutoScalingConfigurationArn"}
            draft.add("apprunner.CreateAutoScalingConfiguration", configuration, name, gives=gives)
    for service in draft.found.of("apprunner.services"):
        if service["Status"] in THERE:
            _draft_service(draft, service)
        else:
            draft.notes.append(
                f"{service['ServiceName']} of App Runner is left out: it is {service['Status']}"
            )


def _draft_service(draft: Draft, service: Row) -> None:
    name, notes = service["ServiceName"], []
    source = service.get("SourceConfiguration", {})
    repository = dict(source.get("ImageRepository", {}))
    if not repository:
        notes.append("it is built from source code; here it is an image")
        repository = {"ImageIdentifier": f"{REGISTRY}{name.lower()}", "ImageRepositoryType": "ECR"}
    repository["ImageIdentifier"] = draft.whole_image(repository["ImageIdentifier"])
    described = {**service, "SourceConfiguration": {"ImageRepository": repository}}
    arn = service.get("AutoScalingConfigurationSummary", {}).get("AutoScalingConfigurationArn", "")
    known = {old for one in draft.resources for old in one.gives}
    made = draft.add(
        "apprunner.CreateService",
        described,
        name,
        {"AutoScalingConfigurationArn": arn if arn in known else None},
        notes=notes,
    )
    if repository["ImageRepositoryType"] == "ECR":
        made.params["SourceConfiguration"]["AuthenticationConfiguration"] = {"AccessRoleArn": ROLE}
