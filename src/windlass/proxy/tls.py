"""TLS towards clients: certificates that a frontend was given, chosen by the name that the client asks for.

A frontend's first certificate is for whoever asks for no name, or for one that no certificate has. A new
table brings new certificates to the same address: connections that are open keep theirs.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Callable

from windlass.fleet.proxy_messages import Certificate, Frontend


class Certificates:
    """Of one frontend. Raises ssl.SSLError for what is no certificate with its key, ValueError for none."""

    def __init__(self, frontend: Frontend) -> None:
        if not frontend.certificates:
            raise ValueError("no certificate")
        protocols = ["h2", "http/1.1"] if frontend.options.http2 else ["http/1.1"]
        self._by_name: dict[str, ssl.SSLContext] = {}
        contexts = []
        for certificate in frontend.certificates:
            contexts.append(_context(certificate, protocols))
            for name in certificate.names:
                self._by_name.setdefault(name.lower(), contexts[-1])
        self._first = contexts[0]
        self.listening = _context(frontend.certificates[0], protocols)
        """For a new address: the context in which a client's name is heard."""

    def choose(self, name: str | None) -> ssl.SSLContext:
        """For that server name: its own certificate, one with a wildcard, or the first."""
        if name is None:
            return self._first
        whole = name.lower().rstrip(".")
        found = self._by_name.get(whole) or self._by_name.get(f"*.{whole.partition('.')[2]}")
        return found or self._first


def listening(certificates: Callable[[], Certificates | None]) -> ssl.SSLContext:
    """A context that asks for the certificates of the moment with each connection."""

    def on_name(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
        now = certificates()
        if now is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = now.choose(name)
        return None

    first = certificates()
    assert first is not None
    context = first.listening
    context.sni_callback = on_name
    return context


def secured(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """Cipher and version of a connection's TLS, as logs name them; ("", "") without."""
    found = transport.get_extra_info("ssl_object")
    cipher = found.cipher() if found is not None else None
    return ("", "") if cipher is None else (cipher[0], found.version() or "")


def _context(certificate: Certificate, protocols: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(protocols)
    with tempfile.NamedTemporaryFile() as file:  # mode 0600; the library reads files only
        file.write(certificate.key.encode() + b"\n" + certificate.chain.encode())
        file.flush()
        context.load_cert_chain(file.name)
    return context
