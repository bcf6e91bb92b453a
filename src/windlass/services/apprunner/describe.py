"""Rows of services and operations as the API shows them. Reads only."""

from __future__ import annotations

from typing import Any

from windlass.aws.endpoint_names import below
from windlass.kernel.clock import in_seconds
from windlass.services.apprunner import describe_configurations, find
from windlass.services.apprunner.model import Operation, Reads, Service


def url(row: Service, endpoint: str) -> str:
    """ServiceUrl, without a scheme: below the name by which the plane was called, with its port."""
    return below(f"{row.url_id}.{row.region}.awsapprunner", endpoint)


def service(reads: Reads, row: Service, endpoint: str) -> dict[str, Any]:
    """Service."""
    scaling = find.scaling(reads, row.scope, row.scaling_arn)
    shown: dict[str, Any] = {
        **service_summary(row, endpoint),
        "SourceConfiguration": row.source,
        "InstanceConfiguration": row.instance,
        "HealthCheckConfiguration": row.health_check,
        "AutoScalingConfigurationSummary": describe_configurations.scaling_summary(reads, scaling),
        "NetworkConfiguration": row.network,
        "ObservabilityConfiguration": row.observability or {"ObservabilityEnabled": False},
    }
    if row.encryption:
        shown["EncryptionConfiguration"] = row.encryption
    if row.deleted_at:
        shown["DeletedAt"] = in_seconds(row.deleted_at)
    return shown


def service_summary(row: Service, endpoint: str) -> dict[str, Any]:
    """ServiceSummary. A service that no VPC may call from outside has no URL of its own."""
    shown: dict[str, Any] = {
        "ServiceName": row.name,
        "ServiceId": row.id,
        "ServiceArn": row.arn,
        "CreatedAt": in_seconds(row.created_at),
        "UpdatedAt": in_seconds(row.updated_at),
        "Status": row.status,
    }
    if row.public:
        shown["ServiceUrl"] = url(row, endpoint)
    return shown


def operation(row: Operation) -> dict[str, Any]:
    """OperationSummary."""
    shown: dict[str, Any] = {
        "Id": row.id,
        "Type": row.type,
        "Status": row.status,
        "TargetArn": row.service,
        "StartedAt": in_seconds(row.started_at),
        "UpdatedAt": in_seconds(row.updated_at),
    }
    if row.ended_at:
        shown["EndedAt"] = in_seconds(row.ended_at)
    return shown
