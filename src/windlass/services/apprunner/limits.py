"""Limits of App Runner: number, unit, source (facts/apprunner.md).

BM is botocore's model, DG the developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.kernel.clock import DAY, MINUTE, Duration

SCALING_REVISIONS_MAX = 5
"""Active revisions of an auto scaling configuration's name; DG architecture: cannot be raised."""
OBSERVABILITY_REVISIONS_MAX = 10
"""Active revisions of an observability configuration's name; DG architecture."""
DOMAINS_MAX = 5
"""Custom domains of a service; DG manage-custom-domains."""
TAGS_MAX = 50
"""Tags of a resource; unverified."""
PORT_MAX = 65_535
VARIABLE_PREFIX = "AWSAPPRUNNER"
"""How names of environment variables may not begin; unverified."""
DEFAULT_PORT = "8080"
"""BM, ImageConfiguration, Port."""
DEFAULT_CPU = "1024"
DEFAULT_MEMORY = "2048"
"""CPU units and MiB; BM, InstanceConfiguration."""
SIZES: Mapping[str, tuple[str, ...]] = {
    "256": ("512", "1024"),
    "512": ("1024",),
    "1024": ("2048", "3072", "4096"),
    "2048": ("4096", "6144"),
    "4096": ("8192", "10240", "12288"),
}
"""CPU units → MiB that go with them; DG architecture."""
DELETED_KEPT: Duration = DAY
"""How long what was deleted is described; AWS: a service for hours at least (unverified)."""
OPERATIONS_KEPT = 100
"""Operations of a service that are listed; ours."""
START_LIMIT: Duration = 5 * MINUTE
"""Until an instance has to be healthy, where the profile says nothing; DG develop."""

QUOTA_SERVICES = "apprunner.services"
QUOTA_SCALINGS = "apprunner.auto_scaling_configurations"
QUOTA_INSTANCES = "apprunner.instances_per_service"
QUOTA_OBSERVABILITIES = "apprunner.observability_configurations"
QUOTA_CONNECTIONS = "apprunner.connections"
QUOTA_CONNECTORS = "apprunner.vpc_connectors"
QUOTA_INGRESSES = "apprunner.vpc_ingress_connections"
DELAY_START_LIMIT = "apprunner.start_limit"
"""Names in the profile."""
