"""Pulling from registries: a real one, and one that misbehaves in every way that has a name."""

from __future__ import annotations

import json
import os
import platform
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image_build import entry, tar_of
from tests.image_registry import (
    CONFIG,
    LAYER,
    MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Asked,
    DebianRegistry,
    Pushed,
    index_of,
    small_registry,
)
from windlass.node.images import logins
from windlass.node.images.faults import BadImage
from windlass.node.images.logins import Login
from windlass.node.images.manifests import architecture
from windlass.node.images.pull import pull
from windlass.node.images.registry import Access
from windlass.node.images.store import Image, ImageStore

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LOWER = tar_of([entry("etc/os", b"test")])
UPPER = tar_of([entry("app", os.urandom(300_000))])
HERE = architecture(platform.machine())


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    registry = DebianRegistry(tmp_path_factory.mktemp("registry") / "r")
    yield registry
    registry.stop()


def get(store: ImageStore, reference: str, **known: Login) -> Image:
    """A pull that does not wait between attempts."""
    return pull(store, reference, Access(known, pause=lambda seconds: None), lambda done, total: None)


def is_clean(store: ImageStore) -> bool:
    """Nothing is half done: no layer without an image, no workshop, no download."""
    root = store.downloads.parent
    left = [path for name in ("new", "layers", "downloads") for path in (root / name).glob("*")]
    return not left and not store.images()


# a real registry


@pytest.mark.parametrize(
    ("pack", "types"),
    [
        (None, (MANIFEST, CONFIG, LAYER)),
        (None, (OCI_MANIFEST, OCI_CONFIG, f"{OCI_LAYER}+gzip")),
        (zstd.compress, (OCI_MANIFEST, OCI_CONFIG, f"{OCI_LAYER}+zstd")),
        (bytes, (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)),
    ],
    ids=["docker", "oci", "zstd", "plain"],
)
def test_what_was_pushed_is_pulled(
    debian: DebianRegistry,
    store: ImageStore,
    pack: Callable[[bytes], bytes] | None,
    types: tuple[str, str, str],
) -> None:
    """Manifests of both kinds, layers compressed in each way; found by name and by digest."""
    packed = {} if pack is None else {"pack": pack}
    pushed = Pushed([LOWER, UPPER], types=types, **packed, Cmd=["true"])
    reference = debian.push(pushed, "team/app", "1")
    image = get(store, reference)
    assert (image.config.command, image.digest, image.pulled) == (("true",), pushed.digest, True)
    assert [sorted(path.name for path in layer.iterdir()) for layer in image.layers] == [["etc"], ["app"]]
    assert store.find(reference) == image
    assert store.find(f"{debian.host}/team/app@{pushed.digest}") is not None
    assert list(store.downloads.glob("*")) == []


def test_a_tag_that_moves(debian: DebianRegistry, store: ImageStore) -> None:
    """A pull takes what the tag means now; the layers of before go when nothing needs them."""
    reference = debian.push(Pushed([LOWER], Cmd=["old"]), "moves", "1")
    assert get(store, reference).config.command == ("old",)
    debian.push(Pushed([UPPER], Cmd=["new"]), "moves", "1")
    image = get(store, reference)
    assert image.config.command == ("new",)
    store.remove_all([])
    assert [path.name for path in (store.downloads.parent / "layers").iterdir()] == [image.layers[0].name]


def test_an_index(debian: DebianRegistry, store: ImageStore) -> None:
    """Of several machines' images this one's is taken; the index's digest is the image's."""
    ours, other = Pushed([LOWER], Cmd=["ours"]), Pushed([UPPER], Cmd=["other"])
    debian.push(ours, "many", "ours")
    debian.push(other, "many", "other")
    debian.put_manifest(index_of({"s390x": other, HERE: ours}), OCI_INDEX, "many", "1")
    image = get(store, f"{debian.host}/many:1")
    assert image.config.command == ("ours",)
    assert image.digest != ours.digest
    again = get(store, f"{debian.host}/many@{image.digest}")
    assert (again.id, again.digest) == (image.id, image.digest)
    debian.put_manifest(index_of({"s390x": other}), OCI_INDEX, "many", "2")
    with pytest.raises(BadImage, match=f"no matching manifest for linux/{HERE}, only for s390x"):
        get(store, f"{debian.host}/many:2")


def test_a_password(tmp_path: Path, store: ImageStore) -> None:
    """Basic authentication, from a file as Docker writes it; without or with a wrong one access is denied."""
    registry = DebianRegistry(tmp_path / "r", password=True)
    try:
        reference = registry.push(Pushed([LOWER]), "secret", "1")
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {registry.host: {"auth": "dGVzdDpzZWNyZXQ="}}}))
        assert get(store, reference, **logins.read(file)).reference == reference
        store.remove(reference)
        for known in ({}, {registry.host: Login("test", "wrong")}):
            with pytest.raises(
                BadImage, match=r"pull access denied for .*/secret:1, repository does not exist"
            ):
                get(store, reference, **known)
    finally:
        registry.stop()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("team/nosuch:1", "manifest for .*/team/nosuch:1 not found: manifest unknown: manifest unknown"),
        (f"team/app@sha256:{'0' * 64}", "not found: manifest unknown"),
        ("Team/App:1", "invalid image reference"),
    ],
)
def test_what_is_not_there(debian: DebianRegistry, store: ImageStore, name: str, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        get(store, f"{debian.host}/{name}")
    assert is_clean(store)


# a registry that misbehaves


def cut(share: float, times: int) -> Callable[[Asked], bool]:
    """Break the connection in the middle of the first layer, so many times."""
    left = [times]

    def trick(asked: Asked) -> bool:
        if not asked.path.endswith(IMAGE.layers[0]) or not left[0]:
            return False
        left[0] -= 1
        raw = IMAGE.blobs[IMAGE.layers[0]][asked.start :]
        asked.answer(206 if asked.start else 200, raw[: int(len(raw) * share)], len(raw),
                     Content_Range=f"bytes {asked.start}-")  # fmt: skip
        return True

    return trick


IMAGE = Pushed([UPPER], Cmd=["true"])


def test_a_broken_download_is_gone_on_with(store: ImageStore) -> None:
    """1. The connection breaks three times. 2. Each time only the rest is asked for."""
    with small_registry(IMAGE, cut(0.5, 3)) as registry:
        image = get(store, f"{registry.host}/app:1")
        starts = [asked.start for asked in registry.of_blobs()]
    assert image.config.command == ("true",)
    assert len(starts) == 4
    assert starts == sorted(set(starts))
    assert starts[0] == 0


def test_the_next_pull_goes_on_too(store: ImageStore) -> None:
    """1. The registry gives up in the middle. 2. The pull fails. 3. The next one asks for the rest only."""
    with small_registry(IMAGE, cut(0.5, 1)) as registry:
        half = registry.trick
        registry.trick = lambda asked: (
            half(asked)
            or (bool(asked.start) and not asked.answer(206, b"", 10, Content_Range=f"bytes {asked.start}-"))
        )
        with pytest.raises(BadImage, match=r"download of sha256:.* failed after attempts=6"):
            get(store, f"{registry.host}/app:1")
        assert store.images() == []
        registry.trick = lambda asked: False
        registry.asked.clear()
        get(store, f"{registry.host}/app:1")
        assert [asked.start > 100_000 for asked in registry.of_blobs()] == [True]


def test_a_registry_that_hangs(store: ImageStore) -> None:
    """1. It sends half and then nothing, and keeps the connection. 2. The other half is asked for anew."""
    let_go = threading.Event()
    half = cut(0.5, 1)

    def hang(asked: Asked) -> bool:
        return half(asked) and let_go.wait(60)

    with small_registry(IMAGE, hang) as registry:
        access = Access({}, pause=lambda seconds: None, read_s=0.2)
        pull(store, f"{registry.host}/app:1", access, lambda done, total: None)
        let_go.set()
        starts = [asked.start for asked in registry.of_blobs()]
    assert starts[0] == 0
    assert starts[1] > 100_000


def test_a_registry_that_never_answers(store: ImageStore) -> None:
    let_go = threading.Event()
    with small_registry(IMAGE, lambda asked: not let_go.wait(60)) as registry:
        access = Access({}, pause=lambda seconds: None, read_s=0.05)
        with pytest.raises(BadImage, match=r"Client.Timeout exceeded while awaiting headers"):
            pull(store, f"{registry.host}/app:1", access, lambda done, total: None)
        let_go.set()


def test_a_registry_without_ranges(store: ImageStore) -> None:
    """It sends all of it again, and that is what is taken."""

    def whole(asked: Asked) -> bool:
        if asked.start:
            asked.answer(200, IMAGE.blobs[IMAGE.layers[0]])
        return bool(asked.start) or broken(asked)

    broken = cut(0.5, 1)
    with small_registry(IMAGE, whole) as registry:
        assert get(store, f"{registry.host}/app:1").digest == IMAGE.digest


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again(store: ImageStore, status: int) -> None:
    """Four refusals for each answer are borne; a fifth is not. Retry-After is kept to."""
    pauses: list[float] = []
    seen: dict[str, int] = {}

    def trick(asked: Asked) -> bool:
        seen[asked.path] = seen.get(asked.path, 0) + 1
        if seen[asked.path] <= 4:
            asked.answer(status, Retry_After="3")
            return True
        return False

    with small_registry(IMAGE, trick) as registry:
        pull(store, f"{registry.host}/app:1", Access({}, pause=pauses.append), lambda done, total: None)
        assert set(pauses) == {3.0}
        registry.trick = lambda asked: not asked.answer(status)
        with pytest.raises(BadImage, match="toomanyrequests" if status == 429 else f"HTTP status: {status}"):
            get(store, f"{registry.host}/other:1")


def test_nobody_listens(store: ImageStore) -> None:
    with pytest.raises(BadImage, match=r'Get ".*": dial tcp 127.0.0.1:1: connect: connection refused'):
        get(store, "127.0.0.1:1/app:1")


def answers_of(path: str, status: int, body: bytes) -> Callable[[Asked], bool]:
    return lambda asked: path in asked.path and not asked.answer(status, body)


def changed(**members: object) -> bytes:
    return json.dumps({**json.loads(IMAGE.raw), **members}).encode()


def layer_as(**members: object) -> list[dict[str, object]]:
    return [{**layer, **members} for layer in json.loads(IMAGE.raw)["layers"]]


WRONG_BLOB = b"\0" * len(IMAGE.blobs[IMAGE.layers[0]])


def layer_is(status: int, body: bytes) -> Callable[[Asked], bool]:
    return answers_of(f"/blobs/{IMAGE.layers[0]}", status, body)


def manifest_is(body: bytes, status: int = 200) -> Callable[[Asked], bool]:
    return answers_of("/manifests/", status, body)


ODD_ERROR = b'{"errors":[{"code":"A_B","message":"c\\n"}]}'


@pytest.mark.parametrize(
    ("trick", "says"),
    [
        (layer_is(200, WRONG_BLOB), "filesystem layer verification failed for digest sha256:"),
        (layer_is(200, WRONG_BLOB + b"x"), "is larger than the manifest says"),
        (layer_is(404, b"{}"), r"blob sha256:.* not found"),
        (layer_is(403, b"nonsense"), "pull access denied"),
        (manifest_is(b"no json"), "manifest cannot be read"),
        (manifest_is(b"{}"), "neither of an image nor an index"),
        (manifest_is(b'{"schemaVersion":1}'), "schema 1"),
        (manifest_is(b" " * (5 * 2**20)), "longer than 4 MiB"),
        (manifest_is(ODD_ERROR, 418), "answers 418 a b: c[?]"),
        (manifest_is(changed(layers=[])), "0 layers, its configuration says 1"),
        (manifest_is(changed(config={"digest": "sha256:x"})), "unsupported media type ''"),
        (manifest_is(changed(layers=layer_as(mediaType="application/x"))), "unsupported media type"),
        (manifest_is(changed(layers=layer_as(digest="../../x"))), "no sha256 digest"),
        (manifest_is(changed(layers=layer_as(size=2**50))), "more than 64 GiB"),
        (manifest_is(changed(layers=layer_as() * 128)), "128 layers, more than 127"),
        (manifest_is(index_of({"s390x": IMAGE})), "only for s390x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_answers(store: ImageStore, trick: Callable[[Asked], bool], says: str) -> None:
    """Each is said in one line, and the store stays clean."""
    with small_registry(IMAGE, trick) as registry, pytest.raises(BadImage, match=says) as caught:
        get(store, f"{registry.host}/app:1")
    assert "\n" not in str(caught.value)
    assert is_clean(store)


def test_a_manifest_that_is_not_what_was_asked_for(store: ImageStore) -> None:
    with (
        small_registry(IMAGE, manifest_is(changed(annotations={}))) as registry,
        pytest.raises(BadImage, match=r"manifest's content is sha256:.*, but the registry calls it"),
    ):
        get(store, f"{registry.host}/app@{IMAGE.digest}")


def test_other_hosts_learn_nothing(store: ImageStore) -> None:
    """Blobs live elsewhere: the redirect is followed, without the login. Circles end."""
    with small_registry(IMAGE) as elsewhere, small_registry(IMAGE) as registry:

        def trick(asked: Asked) -> bool:
            if "Authorization" not in asked.headers:
                asked.answer(401, WWW_Authenticate='Basic realm="x"')
            elif "/blobs/" in asked.path:
                asked.answer(307, Location=f"http://{elsewhere.host}{asked.path}")
            else:
                return False
            return True

        registry.trick = trick
        get(store, f"{registry.host}/app:1", **{registry.host: Login("me", "secret")})
        assert len(elsewhere.asked) == 2
        assert all("Authorization" not in asked.headers for asked in elsewhere.asked)
        registry.trick = lambda asked: not asked.answer(302, Location=asked.path)
        with pytest.raises(BadImage, match="redirects more than 5 times"):
            get(store, f"{registry.host}/circle:1")
        registry.trick = lambda asked: not asked.answer(302, Location="file:///etc/passwd")
        with pytest.raises(BadImage, match="which is not https"):
            get(store, f"{registry.host}/file:1")


def test_tokens(store: ImageStore) -> None:
    """A token for this repository is asked of the service that the registry names; the registry sees it."""

    def trick(asked: Asked) -> bool:
        if asked.path.startswith("/token"):
            asked.answer(200, b'{"token":"abc"}')
        elif asked.headers.get("Authorization") != "Bearer abc":
            asked.answer(401, WWW_Authenticate=f'Bearer realm="http://{registry.host}/token",service="it"')
        else:
            return False
        return True

    with small_registry(IMAGE) as registry:
        registry.trick = trick
        get(store, f"{registry.host}/team/app:1", **{registry.host: Login("me", "secret")})
        [asked] = [asked for asked in registry.asked if asked.path.startswith("/token")]
    assert asked.path == "/token?scope=repository%3Ateam%2Fapp%3Apull&service=it"
    assert asked.headers["Authorization"] == "Basic bWU6c2VjcmV0"


@pytest.mark.parametrize(
    ("answer", "challenge", "says"),
    [
        (b'{"token":"abc"}', 'Bearer realm="{here}/token"', "pull access denied"),
        (b'{"token":"a\\nb"}', 'Bearer realm="{here}/token"', "gave no token"),
        (b"{}", 'Bearer realm="{here}/token"', "gave no token"),
        (b"no json", 'Bearer realm="{here}/token"', "answers nonsense"),
        (b"", 'Bearer realm="ftp://{here}"', "which is not https"),
        (b"", "Negotiate", "authentication required"),
        (b"", "", "authentication required"),
    ],
)
def test_registries_that_are_never_content(
    store: ImageStore, answer: bytes, challenge: str, says: str
) -> None:
    """401 upon 401 ends, whatever the token service says."""

    def trick(asked: Asked) -> bool:
        if asked.path.startswith("/token"):
            asked.answer(200, answer)
        else:
            asked.answer(401, WWW_Authenticate=challenge.format(here=f"http://{registry.host}"))
        return True

    with small_registry(IMAGE) as registry:
        registry.trick = trick
        with pytest.raises(BadImage, match=says):
            get(store, f"{registry.host}/app:1")
        assert len(registry.asked) <= 6


# layers that mean harm


def sparse(size: int) -> bytes:
    """A tar with one file that is all hole, as GNU tar writes it."""
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole",
               "GNU.sparse.realsize": str(size)}  # fmt: skip
    return tar_of([entry("hole", f"1\n{size}\n0\n".encode().ljust(512, b"\0"), pax_headers=headers)])


def zeros(size: int) -> bytes:
    """A compressed tar of one file of zeros, without its end: it must be refused before that."""
    info = tarfile.TarInfo("zeros")
    info.size = size
    return zstd.compress(info.tobuf() + bytes(size))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (lambda: zeros(2**28 + 2**20), "unpacks to more than 200 times its size"),
        (lambda: sparse(2**31), "files with holes"),
        (lambda: zstd.compress(UPPER)[:-9], "damaged or cut off"),
        (lambda: tar_of([entry("../x", b"")]), "outside of it"),
        (lambda: tar_of([entry("x", type=tarfile.LNKTYPE, linkname="../../etc/passwd")]), "outside of it"),
        (lambda: LOWER, "content is sha256:.*, but the image says"),
    ],
    ids=["swells", "holes", "cut", "path", "link", "other"],
)
def test_layers_that_mean_harm(store: ImageStore, raw: Callable[[], bytes], says: str) -> None:
    """The blob is what the manifest says; what is in it is refused, and nothing of it stays."""
    image = Pushed([UPPER], pack=lambda layer: raw())
    with small_registry(image) as registry, pytest.raises(BadImage, match=says):
        get(store, f"{registry.host}/app:1")
    assert is_clean(store)


def test_two_pulls_of_one_layer(store: ImageStore, tmp_path: Path) -> None:
    """Two processes' stores pull two images that share a layer: it is fetched once."""
    first, second = Pushed([UPPER], Cmd=["1"]), Pushed([UPPER], Cmd=["2"])
    with small_registry(first) as registry:
        registry.image.blobs.update(second.blobs)
        registry.documents[second.digest] = (second.raw, second.type)
        names = [f"{registry.host}/a@{first.digest}", f"{registry.host}/b@{second.digest}"]
        stores = [store, ImageStore(tmp_path / "images")]
        threads = [threading.Thread(target=get, args=pair) for pair in zip(stores, names, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(registry.of_blobs()) == 1
    assert [image.config.command for image in store.images()] == [("1",), ("2",)]


def test_progress(store: ImageStore) -> None:
    """It rises to all of it."""
    told: list[tuple[int, int]] = []
    with small_registry(IMAGE, cut(0.5, 1)) as registry:
        pull(store, f"{registry.host}/app:1", Access({}, pause=lambda seconds: None),
             lambda done, total: told.append((done, total)))  # fmt: skip
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == len(IMAGE.blobs[IMAGE.layers[0]])
