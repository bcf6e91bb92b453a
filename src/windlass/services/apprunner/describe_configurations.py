"""Rows of configurations, connections, connectors and domains as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.kernel.clock import in_seconds
from windlass.services.apprunner import find
from windlass.services.apprunner.configuration_model import (
    INGRESSES,
    OBSERVABILITIES,
    AutoScalingConfiguration,
    Connection,
    CustomDomain,
    ObservabilityConfiguration,
    Revision,
    VpcConnector,
    VpcIngressConnection,
)
from windlass.services.apprunner.model import SERVICES, Reads, Service


def scaling(reads: Reads, row: AutoScalingConfiguration) -> dict[str, Any]:
    """AutoScalingConfiguration."""
    return {
        **scaling_summary(reads, row),
        "Latest": find.latest(find.scaling_revisions(reads, row.scope, row.name)) == row,
        "MaxConcurrency": row.scaling.max_concurrency,
        "MinSize": row.scaling.min_size,
        "MaxSize": row.scaling.max_size,
        **_deleted(row),
    }


def scaling_summary(reads: Reads, row: AutoScalingConfiguration) -> dict[str, Any]:
    """AutoScalingConfigurationSummary."""
    default = find.default_scaling(reads, row.scope)
    return {
        "AutoScalingConfigurationArn": row.arn,
        "AutoScalingConfigurationName": row.name,
        "AutoScalingConfigurationRevision": row.revision,
        "Status": row.status,
        "CreatedAt": in_seconds(row.created_at),
        "HasAssociatedService": bool(reads[SERVICES].count("scaling", row.arn)),
        "IsDefault": (default.name, default.revision) == (row.name, row.revision),
    }


def observability(reads: Reads, row: ObservabilityConfiguration) -> dict[str, Any]:
    """ObservabilityConfiguration."""
    shown: dict[str, Any] = {
        **observability_summary(row),
        "Latest": find.latest(reads[OBSERVABILITIES].by("name", row.key[:3])) == row,
        "Status": row.status,
        "CreatedAt": in_seconds(row.created_at),
        **_deleted(row),
    }
    if row.trace:
        shown["TraceConfiguration"] = row.trace
    return shown


def observability_summary(row: ObservabilityConfiguration) -> dict[str, Any]:
    """ObservabilityConfigurationSummary."""
    return {
        "ObservabilityConfigurationArn": row.arn,
        "ObservabilityConfigurationName": row.name,
        "ObservabilityConfigurationRevision": row.revision,
    }


def connection(row: Connection) -> dict[str, Any]:
    """Connection, which is its own summary."""
    return {
        "ConnectionName": row.name,
        "ConnectionArn": row.arn,
        "ProviderType": row.provider,
        "Status": row.status,
        "CreatedAt": in_seconds(row.created_at),
    }


def connector(row: VpcConnector) -> dict[str, Any]:
    """VpcConnector."""
    return {
        "VpcConnectorName": row.name,
        "VpcConnectorArn": row.arn,
        "VpcConnectorRevision": row.revision,
        "Subnets": list(row.subnets),
        "SecurityGroups": list(row.security_groups),
        "Status": row.status,
        "CreatedAt": in_seconds(row.created_at),
        **_deleted(row),
    }


def ingress(row: VpcIngressConnection) -> dict[str, Any]:
    """VpcIngressConnection."""
    return {
        **ingress_summary(row),
        "VpcIngressConnectionName": row.name,
        "Status": row.status,
        "AccountId": row.account,
        "DomainName": row.domain,
        "IngressVpcConfiguration": row.vpc,
        "CreatedAt": in_seconds(row.created_at),
        **_deleted(row),
    }


def ingress_summary(row: VpcIngressConnection) -> dict[str, Any]:
    """VpcIngressConnectionSummary."""
    return {"VpcIngressConnectionArn": row.arn, "ServiceArn": row.service}


def domains(
    reads: Reads, service: Service, target: str, rows: Sequence[CustomDomain], member: str
) -> dict[str, Any]:
    """What the operations of custom domains answer; `member` has one domain or a list of them."""
    shown = [domain(row) for row in rows]
    return {
        "DNSTarget": target,
        "ServiceArn": service.arn,
        member: shown if member == "CustomDomains" else shown[0],
        "VpcDNSTargets": [
            {
                "VpcIngressConnectionArn": row.arn,
                "VpcId": row.vpc.get("VpcId", ""),
                "DomainName": row.domain,
            }
            for row in reads[INGRESSES].by("service", service.arn)
        ],
    }


def domain(row: CustomDomain) -> dict[str, Any]:
    """CustomDomain."""
    return {
        "DomainName": row.name,
        "EnableWWWSubdomain": row.www,
        "CertificateValidationRecords": list(row.records),
        "Status": row.status,
    }


def _deleted(row: Revision | VpcIngressConnection) -> dict[str, Any]:
    return {"DeletedAt": in_seconds(row.deleted_at)} if row.deleted_at else {}
