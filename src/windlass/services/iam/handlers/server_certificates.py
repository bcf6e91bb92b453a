"""Certificates of servers: upload, get, list, rename, delete, and their tags.

Load balancers ask for them by ARN (aws/server_certificates.py); the key leaves this service there only.
"""

from __future__ import annotations

from windlass.aws import certificate_pem, server_certificates
from windlass.aws.calls import Call, Params, Result
from windlass.aws.certificate_pem import BadPem, KeyMismatch
from windlass.aws.server_certificates import Keeper, ServerCertificates
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, View
from windlass.services.iam import describe
from windlass.services.iam.limits import SERVER_CERTIFICATES_MAX
from windlass.services.iam.listing import answer, page_of, page_of_account
from windlass.services.iam.model import SERVER_CERTIFICATES, ServerCertificate
from windlass.services.iam.refusals import exists, in_use, no_certificate, over_quota
from windlass.services.iam.tags import merged, without


def upload_server_certificate(call: Call, params: Params) -> Result:
    """IAM UploadServerCertificate. The key must be the certificate's and have no passphrase."""
    body, key = params["CertificateBody"], params["PrivateKey"]
    chain = params.get("CertificateChain", "")
    try:
        facts = certificate_pem.read(body, key, chain)
    except BadPem as bad:
        raise Fault("MalformedCertificateException", f"Unable to parse certificate: {bad}") from bad
    except KeyMismatch as bad:
        raise Fault("KeyPairMismatchException", "The public key and the private key do not match.") from bad
    row = ServerCertificate(
        account=call.account,
        certificate_name=params["ServerCertificateName"],
        certificate_id=f"ASCA{call.ids.upper(17)}",
        path=params.get("Path", "/"),
        body=body,
        chain=chain,
        key=key,
        names=facts.names,
        uploaded_at=call.now,
        expires_at=facts.not_after,
        tags=merged((), params.get("Tags")),
    )
    with call.store.transact() as tx:
        _check_name(tx[SERVER_CERTIFICATES], call, row.certificate_name)
        if tx[SERVER_CERTIFICATES].count("account", call.account) >= SERVER_CERTIFICATES_MAX:
            raise over_quota("ServerCertificatesPerAccount", SERVER_CERTIFICATES_MAX)
        tx[SERVER_CERTIFICATES].put(row)
    shown: Result = {"ServerCertificateMetadata": describe.server_certificate(row)}
    return {**shown, **({"Tags": describe.tags(row.tags)} if row.tags else {})}


def get_server_certificate(call: Call, params: Params) -> Result:
    """IAM GetServerCertificate, without the key."""
    row = _named(call.store[SERVER_CERTIFICATES], call, params)
    shown: Result = {
        "ServerCertificateMetadata": describe.server_certificate(row),
        "CertificateBody": row.body,
        "Tags": describe.tags(row.tags),
    }
    return {"ServerCertificate": {**shown, **({"CertificateChain": row.chain} if row.chain else {})}}


def list_server_certificates(call: Call, params: Params) -> Result:
    """IAM ListServerCertificates, by name."""
    rows, marker = page_of_account(call, params, SERVER_CERTIFICATES, "ListServerCertificates")
    return answer("ServerCertificateMetadataList", list(map(describe.server_certificate, rows)), marker)


def update_server_certificate(call: Call, params: Params) -> None:
    """IAM UpdateServerCertificate: another name or path, which makes another ARN."""
    with call.store.transact() as tx:
        row = _named(tx[SERVER_CERTIFICATES], call, params)
        name = params.get("NewServerCertificateName", row.certificate_name)
        after = replace(row, certificate_name=name, path=params.get("NewPath", row.path))
        if after.arn == row.arn:
            return
        _check_unused(call, row)
        if name.lower() != row.certificate_name.lower():
            _check_name(tx[SERVER_CERTIFICATES], call, name)
            tx[SERVER_CERTIFICATES].delete((row.account, row.certificate_name.lower()))
        tx[SERVER_CERTIFICATES].put(after)


def delete_server_certificate(call: Call, params: Params) -> None:
    """IAM DeleteServerCertificate, unless a load balancer uses it."""
    with call.store.transact() as tx:
        row = _named(tx[SERVER_CERTIFICATES], call, params)
        _check_unused(call, row)
        tx[SERVER_CERTIFICATES].delete((row.account, row.certificate_name.lower()))


def tag_server_certificate(call: Call, params: Params) -> None:
    """IAM TagServerCertificate."""
    with call.store.transact() as tx:
        row = _named(tx[SERVER_CERTIFICATES], call, params)
        tx[SERVER_CERTIFICATES].put(replace(row, tags=merged(row.tags, params["Tags"])))


def untag_server_certificate(call: Call, params: Params) -> None:
    """IAM UntagServerCertificate. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = _named(tx[SERVER_CERTIFICATES], call, params)
        tx[SERVER_CERTIFICATES].put(replace(row, tags=without(row.tags, params["TagKeys"])))


def list_server_certificate_tags(call: Call, params: Params) -> Result:
    """IAM ListServerCertificateTags."""
    row = _named(call.store[SERVER_CERTIFICATES], call, params)
    tags, marker = page_of(call, params, describe.tags(row.tags), "ListServerCertificateTags", row.arn)
    return answer("Tags", tags, marker)


def keeper(store: Store) -> Keeper:
    """What load balancers ask for IAM's certificates."""

    def get(arn: str) -> server_certificates.ServerCertificate | None:
        row = store[SERVER_CERTIFICATES].first("arn", arn)
        if row is None:
            return None
        return server_certificates.ServerCertificate(row.arn, row.names, row.body, row.chain, row.key)

    return get


def _named(rows: View[ServerCertificate], call: Call, params: Params) -> ServerCertificate:
    name = params["ServerCertificateName"]
    return rows.require((call.account, name.lower()), no_certificate(name))


def _check_name(rows: View[ServerCertificate], call: Call, name: str) -> None:
    if rows.get((call.account, name.lower())) is not None:
        raise exists(f"The Server Certificate with name {name} already exists.")


def _check_unused(call: Call, row: ServerCertificate) -> None:
    users = call.part(ServerCertificates).used_by(row.arn)
    if users:
        raise in_use(
            f"Certificate: {row.certificate_id} is currently in use by {users[0]}. "
            "Please remove it first before deleting it from IAM."
        )
