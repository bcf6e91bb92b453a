"""Certificates, chains and keys as callers give them in PEM: whether they fit, and what they say. Pure.

Reads X.509 with `cryptography` (docs/decisions/0044), which is loaded when the first certificate comes. RSA
and elliptic-curve keys without a passphrase are taken. Whether a chain is trusted is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from windlass.kernel.clock import SECOND, Instant

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

CURVES = {
    "secp256r1": "EC_prime256v1",
    "secp384r1": "EC_secp384r1",
    "secp521r1": "EC_secp521r1",
}
"""As ACM calls them (API reference, KeyAlgorithm)."""


class BadPem(Exception):
    """The text is no certificate, chain or key that a server could use; the message says which and why."""


class KeyMismatch(Exception):
    """The key is not that of the certificate."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says. `names` are DNS names in lower case, the subject's own first."""

    names: tuple[str, ...]
    serial: str
    """Hex digits in pairs: "0a:1b"."""
    subject: str
    issuer: str
    not_before: Instant
    not_after: Instant
    key_algorithm: str
    signature_algorithm: str


def read(body: str, key: str, chain: str = "") -> Facts:
    """Check that the three are for one server. Raises BadPem, KeyMismatch."""
    certificate = _certificates(body, "certificate")
    if len(certificate) != 1:
        raise BadPem("the certificate must be one certificate")
    if chain:
        _certificates(chain, "certificate chain")
    public = _public_of(certificate[0])
    if _public(_private(key)) != _public(public):
        raise KeyMismatch("the private key does not match the certificate")
    return _facts(certificate[0], public)


def _certificates(text: str, what: str) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise BadPem(f"the {what} is not valid PEM") from error


def _private(text: str) -> PublicKey:
    """The public half of a private key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError) as error:
        raise BadPem("the private key is not valid PEM, or has a passphrase") from error
    except Exception as error:  # UnsupportedAlgorithm, which is loaded with the library only
        raise BadPem("the private key's algorithm is not supported") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BadPem("the private key is neither RSA nor elliptic-curve")
    return key.public_key()


def _public_of(certificate: x509.Certificate) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = certificate.public_key()
    except Exception as error:  # the same
        raise BadPem("the certificate's key is not supported") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadPem("the certificate's key is neither RSA nor elliptic-curve")
    return key


def _public(key: PublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)


def _facts(certificate: x509.Certificate, public: PublicKey) -> Facts:
    from cryptography.hazmat.primitives.asymmetric import rsa

    digits = f"{certificate.serial_number:x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    if isinstance(public, rsa.RSAPublicKey):
        kind, algorithm = "RSA", f"RSA_{public.key_size}"
    else:
        kind, algorithm = "ECDSA", CURVES.get(public.curve.name, public.curve.name)
    hashed = certificate.signature_hash_algorithm
    return Facts(
        names=_names(certificate),
        serial=":".join(digits[place : place + 2] for place in range(0, len(digits), 2)),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=int(certificate.not_valid_before_utc.timestamp()) * SECOND,
        not_after=int(certificate.not_valid_after_utc.timestamp()) * SECOND,
        key_algorithm=algorithm,
        signature_algorithm=f"{hashed.name.upper() if hashed else ''}WITH{kind}",
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    found: list[str] = []
    for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        found.append(str(one.value))
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found += extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        pass
    return tuple(dict.fromkeys(name.lower() for name in found if name))
