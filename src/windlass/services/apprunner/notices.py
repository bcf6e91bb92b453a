"""What is told of an operation: events on the bus (source aws.apprunner), and lines of the service's log.

Called in the transaction that makes it true. Names of fields and of statuses: facts/apprunner.md, 8; those of
operations that have begun are ours, and so are the lines' wordings, which AWS does not publish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction
from windlass.services.apprunner.model import (
    LINES,
    Deployment,
    Line,
    Operation,
    OperationType,
    Service,
    ServiceStatus,
)
from windlass.services.apprunner.unit import log_group

SOURCE = "aws.apprunner"
SERVICE_CHANGE = "AppRunner Service Status Change"
OPERATION_CHANGE = "AppRunner Service Operation Status Change"
EVENTS_STREAM = "events"
_FAILED = ("FAILED", "ROLLBACK_SUCCEEDED", "ROLLBACK_FAILED")

_NAMES: Mapping[OperationType, tuple[str, str]] = {
    "CREATE_SERVICE": ("CreateService", "creation"),
    "UPDATE_SERVICE": ("UpdateService", "update"),
    "START_DEPLOYMENT": ("Deployment", "deployment"),
    "PAUSE_SERVICE": ("PauseService", "pause"),
    "RESUME_SERVICE": ("ResumeService", "resume"),
    "DELETE_SERVICE": ("DeleteService", "deletion"),
}
"""How an operation's status begins in events, and what messages call it."""


def began(bus: Bus, tx: Transaction, service: Service, operation: Operation, was: ServiceStatus) -> None:
    """An operation has begun. `was`: the service's status before it."""
    name, noun = _NAMES[operation.type]
    at = operation.started_at
    _status(bus, tx, service, was if operation.number > 1 else None, at)
    _operation(bus, tx, service, f"{name}Started", f"Service {noun} started.", "INFO", at)
    _say(tx, service, operation, at, [f"Service {noun} started."])


def moved(
    tx: Transaction, service: Service, operation: Operation, deployment: Deployment | None, at: Instant
) -> None:
    """An operation has come into the phase that it is in."""
    _say(tx, service, operation, at, _phase(operation, deployment))


def built(tx: Transaction, service: Service, deployment: str, at: Instant, lines: Sequence[str]) -> None:
    """What is to be said of a deployment's build, beside what its commands say."""
    for line in lines:
        _write(tx, service, f"deployment/{deployment}", at, line, "Build")


def ended(bus: Bus, tx: Transaction, service: Service, operation: Operation, at: Instant) -> None:
    """It is over; `service` is as it is now."""
    name, noun = _NAMES[operation.type]
    failed = operation.status in _FAILED
    if failed:
        status, severity = f"{name}Failed", "ERROR"
        message = f"Service {noun} failed. {_sentence(operation.reason)}"
        if operation.previous:
            message += " The service runs on as it was before."
    else:
        status, severity = f"{name}CompletedSuccessfully", "INFO"
        message = f"Service {noun} completed successfully."
        if operation.type == "UPDATE_SERVICE":
            message += " New application and configuration is deployed."
    _operation(bus, tx, service, status, message, severity, at)
    _say(tx, service, operation, at, [message])
    _status(bus, tx, service, "OPERATION_IN_PROGRESS", at)


def _phase(operation: Operation, deployment: Deployment | None) -> Sequence[str]:
    match operation.phase:
        case "building":
            return ["Starting source code build."]
        case "provisioning" if deployment is not None:
            what = "the application" if deployment.is_code else "the application image"
            check = deployment.health_check
            path = f" [Path: '{check['Path']}']" if check["Protocol"] == "HTTP" else ""
            return [
                f"Provisioning {_instances(operation.target)} and deploying {what}.",
                f"Performing health check on protocol `{check['Protocol']}`{path}.",
            ]
        case "rolling-back":
            return [f"Deployment with ID {operation.deployment} failed. {_sentence(operation.reason)}"]
        case "withdrawing":
            return ["Releasing instances."]
        case "ended" if operation.status == "SUCCEEDED" and operation.deployment:
            return ["Health check is successful. Routing traffic to application."]
        case _:
            return []


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def _sentence(reason: str) -> str:
    """Reasons of instances and builds come as they are."""
    return reason if reason.endswith(".") else f"{reason}."


def _status(bus: Bus, tx: Transaction, service: Service, was: ServiceStatus | None, at: Instant) -> None:
    message = f"Service status is set to {service.status}."
    detail = {
        "ServiceName": service.name,
        "ServiceId": service.id,
        "CurrentStatus": service.status,
        "Message": message,
        "Severity": "ERROR" if service.status in ("CREATE_FAILED", "DELETE_FAILED") else "INFO",
    }
    if was is not None:
        detail["PreviousStatus"] = was
    _publish(bus, tx, service, SERVICE_CHANGE, detail, at)
    _write(tx, service, EVENTS_STREAM, at, message)


def _operation(
    bus: Bus, tx: Transaction, service: Service, status: str, message: str, severity: str, at: Instant
) -> None:
    detail = {
        "serviceName": service.name,
        "serviceId": service.id,
        "operationStatus": status,
        "message": message,
        "severity": severity,
    }
    _publish(bus, tx, service, OPERATION_CHANGE, detail, at)


def _publish(
    bus: Bus, tx: Transaction, service: Service, detail_type: str, detail: Mapping[str, str], at: Instant
) -> None:
    def notice() -> Notice:
        return Notice(
            account=service.account,
            region=service.region,
            source=SOURCE,
            detail_type=detail_type,
            resources=(service.arn,),
            detail=detail,
            at=at,
        )

    bus.publish(tx, service.account, service.region, SOURCE, notice)


def _say(tx: Transaction, service: Service, operation: Operation, at: Instant, lines: Sequence[str]) -> None:
    """Operations that bring something up have a stream of their own."""
    stream = f"deployment/{operation.id}" if operation.deployment else EVENTS_STREAM
    for line in lines:
        _write(tx, service, stream, at, line)


def _write(
    tx: Transaction, service: Service, stream: str, at: Instant, text: str, who: str = "AppRunner"
) -> None:
    last = tx[LINES].last("service", service.arn)
    number = 1 if last is None else last.number + 1
    tx[LINES].put(Line(service.arn, number, log_group(service, "service"), stream, at, f"[{who}] {text}"))
