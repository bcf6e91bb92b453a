"""Registries for tests: Debian's docker-registry on loopback, and a small one that can misbehave."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fault.waiting import until
from tests.image_build import config_of, digest

HTPASSWD = "test:$2b$04$1PVzUU1yNDV20/yHlCM9sO9xpe2ZLoWdzzORvu7KF.zittJN9DpI.\n"
"""The password is "secret"."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Pushed:
    """An image as a registry has it: its documents and blobs by digest. Layers are given as plain tars."""

    def __init__(
        self,
        layers: list[bytes],
        pack: Callable[[bytes], bytes] = lambda raw: gzip.compress(raw, 1, mtime=0),
        types: tuple[str, str, str] = (MANIFEST, CONFIG, LAYER),
        **run: Any,
    ) -> None:
        self.type, config_type, layer_type = types
        config = config_of(layers, **run)
        packed = [pack(layer) for layer in layers]
        self.layers = [digest(raw) for raw in packed]
        self.blobs = {digest(raw): raw for raw in (config, *packed)}
        about = {
            "schemaVersion": 2,
            "mediaType": self.type,
            "config": _descriptor(config, config_type),
            "layers": [_descriptor(raw, layer_type) for raw in packed],
        }
        self.raw = json.dumps(about).encode()
        self.digest = digest(self.raw)


def _descriptor(raw: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(raw), "digest": digest(raw)}


def index_of(images: dict[str, Pushed]) -> bytes:
    """An index of these images, by architecture."""
    manifests = [
        {**_descriptor(image.raw, image.type), "platform": {"architecture": name, "os": "linux"}}
        for name, image in images.items()
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()


class DebianRegistry:
    """docker-registry, with its files in a directory of the test."""

    def __init__(self, root: Path, *, password: bool = False) -> None:
        self.port = _free_port()
        self.host = f"127.0.0.1:{self.port}"
        self._headers = {}
        lines = [
            "version: 0.1",
            "log: {level: error, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {root / 'data'}}}, delete: {{enabled: true}}}}",
            f"http: {{addr: {self.host}, secret: x}}",
        ]
        root.mkdir(parents=True)
        if password:
            (root / "htpasswd").write_text(HTPASSWD)
            lines.append(f"auth: {{htpasswd: {{realm: here, path: {root / 'htpasswd'}}}}}")
            self._headers = {"Authorization": "Basic dGVzdDpzZWNyZXQ="}
        (root / "config.yml").write_text("\n".join(lines))
        with (root / "log").open("wb") as output:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(root / "config.yml")], stdout=output, stderr=output
            )
        until(self._answers, "docker-registry is up (make setup-system installs it)")

    def push(self, image: Pushed, name: str, tag: str) -> str:
        """Put it there; returns the reference by which it is pulled."""
        for key, raw in image.blobs.items():
            where = self._call("POST", f"/v2/{name}/blobs/uploads/")[1]["Location"]
            path = where.removeprefix(f"http://{self.host}")
            assert self._call("PUT", f"{path}&digest={key}", raw)[0] == 201
        self.put_manifest(image.raw, image.type, name, tag)
        return f"{self.host}/{name}:{tag}"

    def put_manifest(self, raw: bytes, media_type: str, name: str, tag: str) -> None:
        status, _ = self._call("PUT", f"/v2/{name}/manifests/{tag}", raw, {"Content-Type": media_type})
        assert status == 201

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return self._call("GET", "/v2/")[0] in (200, 401)
        except OSError:
            return False

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.getheaders())
        finally:
            connection.close()


class Asked:
    """One request to the registry that misbehaves, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.method = handler.command
        self.path = handler.path
        self.headers = dict(handler.headers)

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def answer(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        """With a body that may be shorter than its `length` says: then the connection breaks."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(body) if length is None else length))
        self._handler.end_headers()
        if self.method != "HEAD":
            with suppress(ConnectionError):  # a client that was killed, or has seen enough
                self._handler.wfile.write(body)
        self._handler.close_connection = length is not None


Trick = Callable[[Asked], bool]
"""Whether it has answered; else the answer is an honest one."""


class SmallRegistry:
    """Serves one image under any name; `trick` comes first. Remembers who asked what."""

    def __init__(self, image: Pushed, trick: Trick = lambda asked: False) -> None:
        self.image = image
        self.trick = trick
        self.asked: list[Asked] = []
        self.documents = {image.digest: (image.raw, image.type)}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self)
                outer.asked.append(asked)
                if not outer.trick(asked):
                    outer._serve(asked)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of_blobs(self) -> list[Asked]:
        """Requests for the first layer."""
        return [asked for asked in self.asked if asked.path.endswith(self.image.layers[0])]

    def _serve(self, asked: Asked) -> None:
        last = asked.path.rpartition("/")[2]
        if "/manifests/" in asked.path:
            key = last if ":" in last else self.image.digest
            if key not in self.documents:
                error = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
                asked.answer(404, error)
                return
            raw, media_type = self.documents[key]
            asked.answer(200, raw, Content_Type=media_type, Docker_Content_Digest=key)
            return
        raw = self.image.blobs[last]
        if asked.start:
            where = f"bytes {asked.start}-{len(raw) - 1}/{len(raw)}"
            asked.answer(206, raw[asked.start :], Content_Range=where)
        else:
            asked.answer(200, raw)


@contextmanager
def small_registry(image: Pushed, trick: Trick = lambda asked: False) -> Iterator[SmallRegistry]:
    registry = SmallRegistry(image, trick)
    try:
        yield registry
    finally:
        registry.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
