"""Certificate Manager: certificates that callers import, for HTTPS listeners of load balancers.

Known gaps: nothing is issued, renewed or exported; see docs/aws/acm.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.server_certificates import ServerCertificate, ServerCertificates
from windlass.services.acm.handlers import certificates
from windlass.services.acm.model import CERTIFICATES, TABLES
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    def get(arn: str) -> ServerCertificate | None:
        row = plane.store[CERTIFICATES].get(arn)
        if row is None:
            return None
        return ServerCertificate(row.arn, row.facts.names, row.body, row.chain, row.key)

    plane.calls.part(ServerCertificates).serve("acm", get)
    return ()


SERVICE = Service(
    name="acm",
    handlers={
        "AddTagsToCertificate": certificates.add_tags_to_certificate,
        "DeleteCertificate": certificates.delete_certificate,
        "DescribeCertificate": certificates.describe_certificate,
        "GetCertificate": certificates.get_certificate,
        "ImportCertificate": certificates.import_certificate,
        "ListCertificates": certificates.list_certificates,
        "ListTagsForCertificate": certificates.list_tags_for_certificate,
        "RemoveTagsFromCertificate": certificates.remove_tags_from_certificate,
    },
    tables=TABLES,
    start=_start,
    partial={
        "DescribeCertificate": "imported certificates only; key usages are not shown",
        "ListCertificates": "sorting, and filters but status and key type, change nothing",
    },
)
