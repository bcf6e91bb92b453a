"""Certificates as the API shows them. The key is never shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.kernel.clock import Instant, in_seconds
from windlass.services.acm.model import Certificate


def detail(row: Certificate, users: Sequence[str], now: Instant) -> dict[str, Any]:
    """DescribeCertificate's; `users` are the ARNs of what uses it."""
    facts = row.facts
    return {
        "CertificateArn": row.arn,
        "DomainName": _domain(row),
        "SubjectAlternativeNames": list(facts.names),
        "Serial": facts.serial,
        "Subject": facts.subject,
        "Issuer": facts.issuer,
        "CreatedAt": in_seconds(row.created_at),
        "ImportedAt": in_seconds(row.imported_at),
        "Status": status(row, now),
        "NotBefore": in_seconds(facts.not_before),
        "NotAfter": in_seconds(facts.not_after),
        "KeyAlgorithm": facts.key_algorithm,
        "SignatureAlgorithm": facts.signature_algorithm,
        "InUseBy": list(users),
        "Type": "IMPORTED",
        "RenewalEligibility": "INELIGIBLE",
    }


def summary(row: Certificate, users: Sequence[str], now: Instant) -> dict[str, Any]:
    """ListCertificates'."""
    return {
        "CertificateArn": row.arn,
        "DomainName": _domain(row),
        "SubjectAlternativeNameSummaries": list(row.facts.names),
        "HasAdditionalSubjectAlternativeNames": False,
        "Status": status(row, now),
        "Type": "IMPORTED",
        "KeyAlgorithm": row.facts.key_algorithm,
        "InUse": bool(users),
        "RenewalEligibility": "INELIGIBLE",
        "NotBefore": in_seconds(row.facts.not_before),
        "NotAfter": in_seconds(row.facts.not_after),
        "CreatedAt": in_seconds(row.created_at),
        "ImportedAt": in_seconds(row.imported_at),
    }


def status(row: Certificate, now: Instant) -> str:
    return "ISSUED" if now < row.facts.not_after else "EXPIRED"


def _domain(row: Certificate) -> str:
    return row.facts.names[0] if row.facts.names else row.facts.subject
