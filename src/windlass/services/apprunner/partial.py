"""What `windlass coverage apprunner` says of operations that are not full."""

from __future__ import annotations

from collections.abc import Mapping

_STORED = (
    "stored, not acted on: EncryptionConfiguration, ObservabilityConfiguration, IpAddressType, "
    "AutoDeploymentsEnabled of images (deploy with StartDeployment); roles are not looked up; source code is "
    "of this machine only (a directory or local git repository), the runtimes are python3* and nodejs*"
)

PARTIAL: Mapping[str, str] = {
    "AssociateCustomDomain": "nobody looks for the validation records: the domain stays "
    "PENDING_CERTIFICATE_DNS_VALIDATION, and gets no requests",
    "CreateConnection": "stored, AVAILABLE at once: there is no handshake in a console",
    "CreateObservabilityConfiguration": "stored: nothing is traced",
    "CreateService": _STORED,
    "CreateVpcIngressConnection": "AVAILABLE at once; VPC and endpoint are not looked up: its domain name is "
    "served to whoever asks with that Host",
    "UpdateService": _STORED,
    "UpdateVpcIngressConnection": "stored",
}
