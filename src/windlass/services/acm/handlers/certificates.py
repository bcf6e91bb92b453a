"""Certificates: import, describe, list, get, delete, and their tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.aws import certificate_pem
from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.aws.certificate_pem import BadPem, KeyMismatch
from windlass.aws.paging import cut
from windlass.aws.server_certificates import ServerCertificates
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.acm import describe
from windlass.services.acm.limits import CERTIFICATES_MAX, PAGE_ITEMS, TAGS_MAX
from windlass.services.acm.model import CERTIFICATES, Certificate, Reads


def import_certificate(call: Call, params: Params) -> Result:
    """ACM ImportCertificate; under an ARN, in place of the one that is there, which listeners then serve."""
    body, key, chain = (
        _text(params.get(name, b"")) for name in ("Certificate", "PrivateKey", "CertificateChain")
    )
    try:
        facts = certificate_pem.read(body, key, chain)
    except (BadPem, KeyMismatch) as bad:
        raise Fault("ValidationException", f"Could not import the certificate: {bad}.") from bad
    if facts.not_after <= call.now:
        raise Fault("ValidationException", "The certificate has expired.")
    again = params.get("CertificateArn")
    if again and params.get("Tags"):
        raise Fault("ValidationException", "Tagging is not permitted on re-import.")
    with call.store.transact() as tx:
        if again:
            before = _named(tx, call, again)
            row = replace(before, body=body, chain=chain, key=key, facts=facts, imported_at=call.now)
        else:
            if tx[CERTIFICATES].count("scope", call.scope) >= CERTIFICATES_MAX:
                raise Fault("LimitExceededException", f"At most {CERTIFICATES_MAX} certificates are allowed.")
            row = Certificate(
                account=call.account,
                region=call.region,
                id=call.ids.uuid(),
                body=body,
                chain=chain,
                key=key,
                facts=facts,
                imported_at=call.now,
                created_at=call.now,
                tags=_tagged({}, params.get("Tags") or ()),
            )
        tx[CERTIFICATES].put(row)
    if again:
        call.part(ServerCertificates).changed(row.arn)
    return {"CertificateArn": row.arn}


def describe_certificate(call: Call, params: Params) -> Result:
    """ACM DescribeCertificate."""
    row = _named(call.store, call, params["CertificateArn"])
    return {"Certificate": describe.detail(row, _users(call, row), call.now)}


def get_certificate(call: Call, params: Params) -> Result:
    """ACM GetCertificate, without the key."""
    row = _named(call.store, call, params["CertificateArn"])
    return {"Certificate": row.body, **({"CertificateChain": row.chain} if row.chain else {})}


def list_certificates(call: Call, params: Params) -> Result:
    """ACM ListCertificates, the oldest first; filters by status and by the algorithm of the key."""
    statuses = params.get("CertificateStatuses")
    algorithms = (params.get("Includes") or {}).get("keyTypes")
    rows = [
        row
        for row in call.store[CERTIFICATES].by("scope", call.scope)
        if (statuses is None or describe.status(row, call.now) in statuses)
        and (not algorithms or row.facts.key_algorithm in algorithms)
    ]
    some, token = cut(
        rows,
        operation="ListCertificates",
        filters=[*call.scope, statuses, algorithms],
        token=params.get("NextToken"),
        limit=params.get("MaxItems", PAGE_ITEMS),
        fault=lambda: Fault("InvalidArgsException", "The NextToken is not valid."),
    )
    shown = [describe.summary(row, _users(call, row), call.now) for row in some]
    return {"CertificateSummaryList": shown, **({"NextToken": token} if token else {})}


def delete_certificate(call: Call, params: Params) -> None:
    """ACM DeleteCertificate, unless a load balancer uses it."""
    with call.store.transact() as tx:
        row = _named(tx, call, params["CertificateArn"])
        if _users(call, row):
            message = f"Certificate {row.arn} in account {row.account} is in use."
            raise Fault("ResourceInUseException", message)
        tx[CERTIFICATES].delete(row.arn)


def add_tags_to_certificate(call: Call, params: Params) -> None:
    """ACM AddTagsToCertificate."""
    with call.store.transact() as tx:
        row = _named(tx, call, params["CertificateArn"])
        tx[CERTIFICATES].put(replace(row, tags=_tagged(row.tags, params["Tags"])))


def remove_tags_from_certificate(call: Call, params: Params) -> None:
    """ACM RemoveTagsFromCertificate: a tag that is given with a value goes only if it has that value."""
    with call.store.transact() as tx:
        row = _named(tx, call, params["CertificateArn"])
        gone = {tag["Key"] for tag in params["Tags"] if tag.get("Value") in (None, row.tags.get(tag["Key"]))}
        kept = {key: value for key, value in row.tags.items() if key not in gone}
        tx[CERTIFICATES].put(replace(row, tags=kept))


def list_tags_for_certificate(call: Call, params: Params) -> Result:
    """ACM ListTagsForCertificate."""
    row = _named(call.store, call, params["CertificateArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(row.tags.items())]}


def _named(reads: Reads, call: Call, arn: str) -> Certificate:
    read = parse(arn)
    if read is None or read.service != "acm" or not read.resource.startswith("certificate/"):
        raise Fault("InvalidArnException", f"{arn} is not a valid certificate ARN.")
    found = reads[CERTIFICATES].get(arn)
    if found is None or found.scope != call.scope:
        message = f"Could not find certificate {arn} in account {call.account}."
        raise Fault("ResourceNotFoundException", message)
    return found


def _users(call: Call, row: Certificate) -> list[str]:
    return call.part(ServerCertificates).used_by(row.arn)


def _text(given: bytes | str) -> str:
    if isinstance(given, str):
        return given
    try:
        return bytes(given).decode("ascii")
    except UnicodeDecodeError:
        raise Fault("ValidationException", "Could not import the certificate: it is not PEM.") from None


def _tagged(held: Mapping[str, str], given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    after = {**held, **{tag["Key"]: tag.get("Value") or "" for tag in given}}
    if any(key.lower().startswith("aws:") for key in after):
        raise Fault("InvalidTagException", "Tag keys cannot start with 'aws:'.")
    if len(after) > TAGS_MAX:
        raise Fault("TooManyTagsException", f"A certificate can have at most {TAGS_MAX} tags.")
    return after
