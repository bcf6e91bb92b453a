"""What `windlass coverage apprunner` says of operations that are not full."""

from __future__ import annotations

from collections.abc import Mapping

_STORED = (
    "stored, not acted on: EncryptionConfiguration, ObservabilityConfiguration, IpAddressType, "
    "AutoDeploymentsEnabled (deploy with StartDeployment); roles are not looked up"
)

PARTIAL: Mapping[str, str] = {
    "AssociateCustomDomain": "stored: nobody looks for the validation records, so the domain stays "
    "PENDING_CERTIFICATE_DNS_VALIDATION and gets no requests",
    "CreateConnection": "stored, AVAILABLE at once: there is no handshake in a console",
    "CreateObservabilityConfiguration": "stored: nothing is traced",
    "CreateService": _STORED,
    "CreateVpcIngressConnection": "stored, AVAILABLE at once: no request comes through it",
    "UpdateService": _STORED,
    "UpdateVpcIngressConnection": "stored",
}
