"""Certificates that listeners name: whether they are there, who uses which."""

from __future__ import annotations

from windlass.aws.calls import Call
from windlass.aws.server_certificates import ServerCertificate, ServerCertificates
from windlass.kernel.faults import Fault
from windlass.services.elbv2.model import LISTENERS, Reads


def require(call: Call, arn: str) -> ServerCertificate:
    """The certificate of that ARN. Raises Fault CertificateNotFound."""
    found = call.part(ServerCertificates).get(arn)
    if found is None:
        raise Fault("CertificateNotFoundException", f"Certificate '{arn}' not found")
    return found


def users(reads: Reads, arn: str) -> list[str]:
    """ARNs of the load balancers that use that certificate."""
    return [row.load_balancer for row in reads[LISTENERS].by("secured", True) if arn in row.certificates]
