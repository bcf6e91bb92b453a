"""TLS with a frontend's certificates: by the name that is asked for, renewed under open connections."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.proxy_build import Proxy, a_frontend, a_proxy, a_target, answering, get, response, run
from tests.proxy_http2 import a_client2
from windlass.fleet.proxy_messages import Certificate, Endpoint, Frontend, Pool


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """Signed by themselves, by their name."""
    return {
        name: _certificate(tmp_path_factory.mktemp("tls"), name)
        for name in ("a.test", "*.b.test", "new.test")
    }


def _certificate(directory: Path, name: str) -> Certificate:
    key, chain = directory / "key.pem", directory / "chain.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return Certificate((name,), chain.read_text(), key.read_text())


def believing(*protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context


def secure(proxy: Proxy, *certificates: Certificate) -> Frontend:
    return replace(a_frontend(proxy.port), scheme="https", certificates=certificates)


async def shown(port: int, name: str | None) -> bytes:
    """The certificate that a client is shown who asks for that name."""
    context = believing("http/1.1")
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(found, bytes)
    return found


def test_certificates_by_name_and_renewed(tmp_path: Path, certificates: dict[str, Certificate]) -> None:
    def der(name: str) -> bytes:
        return ssl.PEM_cert_to_DER_cert(certificates[name].chain)

    async def story() -> None:
        async with a_target(answering()) as target, a_proxy(tmp_path) as proxy:
            pool = Pool("pool", endpoints=(Endpoint("t", "127.0.0.1", target.port),))
            proxy.serve((secure(proxy, certificates["a.test"], certificates["*.b.test"]),), (pool,))
            assert await shown(proxy.port, "a.test") == der("a.test")
            assert await shown(proxy.port, "x.b.test") == der("*.b.test")
            assert await shown(proxy.port, "else.test") == await shown(proxy.port, None) == der("a.test")
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=believing("http/1.1"))
            for _ in range(2):
                writer.write(get())
                assert (await response(reader))[0] == 200
                proxy.serve((secure(proxy, certificates["new.test"]),), (pool,))
            writer.close()
            assert await shown(proxy.port, "a.test") == der("new.test")

    run(story)


def test_http2_is_agreed_on_and_forwarded_as_https(
    tmp_path: Path, certificates: dict[str, Certificate]
) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path) as proxy:
            pool = Pool("pool", endpoints=(Endpoint("t", "127.0.0.1", target.port),))
            proxy.serve((secure(proxy, certificates["a.test"]),), (pool,))
            async with a_client2(proxy.port, believing("h2", "http/1.1"), "a.test") as client:
                assert (await client.ask("/x")).body == b"ok"
            assert b"X-Forwarded-Proto: https\r\n" in seen[0]

    run(story)


def test_targets_with_tls(tmp_path: Path, certificates: dict[str, Certificate]) -> None:
    """Any certificate is believed, as an Application Load Balancer does; a target without TLS is 502."""

    async def complaining(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def story() -> None:
        async with (
            a_target(answering()) as plain,
            a_target(complaining) as deaf,
            a_proxy(tmp_path) as inner,
            a_proxy(tmp_path) as outer,
        ):
            pool = Pool("pool", endpoints=(Endpoint("t", "127.0.0.1", plain.port),))
            inner.serve((secure(inner, certificates["a.test"]),), (pool,))
            for port, status in ((inner.port, 200), (deaf.port, 502)):
                secured = Pool("pool", tls=True, endpoints=(Endpoint(f"t{port}", "127.0.0.1", port),))
                outer.serve((a_frontend(outer.port),), (secured,))
                reader, writer = await asyncio.open_connection("127.0.0.1", outer.port)
                writer.write(get())
                assert (await response(reader))[0] == status
                writer.close()

    run(story)


@pytest.mark.parametrize("bad", [(), (Certificate(("x",), "no", "no"),)])
def test_no_certificate(tmp_path: Path, bad: tuple[Certificate, ...]) -> None:
    """Told to the plane, and not listened for."""

    async def story() -> None:
        async with a_proxy(tmp_path) as proxy:
            proxy.serve((replace(secure(proxy), certificates=bad),), ())
            [(key, address, why)] = proxy.plane.refused
            assert (key, address) == ("front", f"127.0.0.1:{proxy.port}") and why

    run(story)
