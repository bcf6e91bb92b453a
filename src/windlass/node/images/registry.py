"""Asks one registry about one repository, over the OCI distribution API. Blocking; used from threads.

Knows HTTP: authentication, redirects, patience with registries that are busy or gone. Knows no image:
manifests come back as bytes, blobs as streams. Trusts nothing that comes back, and shows what it knows
(login, token) only to the registry itself and to the token service that the registry names. Proxies are not
asked.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from windlass.node.images import challenge
from windlass.node.images.faults import BadImage
from windlass.node.images.logins import Login
from windlass.node.images.manifests import INDEX_TYPES, MANIFEST_TYPES
from windlass.node.images.reference import Remote, is_loopback
from windlass.node.images.store import CONFIG_BYTES_MAX

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
"""Between five attempts at one answer; the ECS agent tries a pull as often."""
RETRY_AFTER_S_MAX = 30.0
BACK_OFF_HASTY_S = (0.5,)
"""When there is an image to fall back on: a launch shall not wait long for a registry that is gone."""
CONNECT_S, READ_S = 10.0, 30.0
"""Until a connection stands, and between two pieces of an answer."""
REDIRECTS_MAX = 5
TOKEN_BYTES_MAX = 2**20
_BUSY = (408, 429, 500, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Access:
    """With whom this node speaks how: logins by registry, which registries have no TLS, and its patience."""

    logins: Mapping[str, Login]
    insecure: Collection[str] = ()
    pause: Pause = time.sleep
    read_s: float = READ_S
    back_off_s: Sequence[float] = BACK_OFF_S


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and its digest, which was verified where there was something to verify it by."""

    raw: bytes
    digest: str


class Body(Protocol):
    """An answer while it comes in."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]: ...
    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...
    def close(self) -> None: ...


class Broken(Exception):
    """The connection, or the registry, failed on the way: asking again may help, `after_s` from now."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


class _Denied(BadImage):
    pass


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class Registry:
    """One repository. `shown` is the image's name for people."""

    def __init__(self, remote: Remote, shown: str, access: Access) -> None:
        self._remote = remote
        self._shown = shown
        self._access = access
        self._plain = is_loopback(remote.host) or remote.host in access.insecure
        self._home = f"{'http' if self._plain else 'https'}://{remote.host}"
        self._authorization = ""
        self._lock = threading.Lock()
        timeout = urllib3.Timeout(connect=CONNECT_S, read=access.read_s)
        headers = {"User-Agent": "windlass", "Accept-Encoding": "identity"}
        self._pool = urllib3.PoolManager(8, headers, maxsize=8, retries=False, timeout=timeout)

    def digest(self) -> str:
        """What the tag means now; "" when the registry does not say."""
        answer = self._manifest("HEAD", self._remote.target)
        answer.close()
        return answer.headers.get("Docker-Content-Digest", "")

    def manifest(self, target: str) -> Fetched:
        """The manifest or index of that tag or digest. Raises BadImage."""
        answer = self._manifest("GET", target)
        raw = self._whole(answer, CONFIG_BYTES_MAX)
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        said = target if ":" in target else answer.headers.get("Docker-Content-Digest", digest)
        if said != digest:
            raise BadImage(f"its manifest's content is {digest}, but the registry calls it {said[:80]}")
        return Fetched(raw, digest)

    def blob(self, digest: str, start: int = 0) -> Body:
        """The blob from that byte on, if the registry can: see the status. Raises BadImage."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = self._ask("GET", f"blobs/{digest}", headers)
        if answer.status in (200, 206, 416):
            return answer
        raise self._refusal(answer, f"blob {digest} of {self._shown}")

    def pause(self, seconds: float) -> None:
        self._access.pause(seconds)

    # one question

    def _manifest(self, method: str, target: str) -> Body:
        answer = self._ask(
            method, f"manifests/{target}", {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
        )
        if answer.status == 200:
            return answer
        raise self._refusal(answer, f"manifest for {self._shown}")

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> Body:
        """The answer, whatever its status; waits and asks again when the registry is busy or gone."""
        url = f"{self._home}/v2/{self._remote.repository}/{path}"
        for back_off_s in (*self._access.back_off_s, None):
            try:
                answer = self._authorized(method, url, headers)
                if answer.status not in _BUSY:
                    return answer
                raise _busy(answer, url)
            except Broken as broken:
                if back_off_s is None:
                    raise BadImage(str(broken)) from broken
                self._access.pause(back_off_s if broken.after_s is None else broken.after_s)
        raise AssertionError("the last attempt raises")

    def _authorized(self, method: str, url: str, headers: Mapping[str, str]) -> Body:
        """Asked once, and once more with a login or token when that is wanted."""
        used = self._authorization
        answer, at_home = self._follow(method, url, headers, used)
        if answer.status != 401 or not at_home:
            return answer
        answer.close()
        with self._lock:
            if self._authorization == used:  # else another thread has just got a new one
                self._authorization = self._authenticate(answer.headers.get("WWW-Authenticate", ""))
        return self._follow(method, url, headers, self._authorization)[0]

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], authorization: str
    ) -> tuple[Body, bool]:
        """(the answer at the end of the redirects, whether the registry itself gave it)."""
        for _ in range(REDIRECTS_MAX + 1):
            at_home = _origin(url) == _origin(self._home)
            told = {**headers, "Authorization": authorization} if authorization and at_home else headers
            answer = self._once(method, url, told)
            if answer.status not in _MOVED:
                return answer, at_home
            answer.close()
            url = self._allowed(urljoin(url, answer.headers.get("Location", "")))
        raise BadImage(f"the registry {self._remote.host} redirects more than {REDIRECTS_MAX} times")

    def _once(self, method: str, url: str, headers: Mapping[str, str]) -> Body:
        all_headers = {**self._pool.headers, **headers}
        try:
            return self._pool.request(
                method, url, headers=all_headers, redirect=False, preload_content=False, decode_content=False
            )
        except (HTTPError, ValueError) as error:
            raise Broken(f'{method.capitalize()} "{url[:200]}": {_in_words(error, url)}') from error

    def _allowed(self, url: str) -> str:
        """Where a redirect or a token service may be: HTTPS, unless the registry itself has none."""
        scheme = urlsplit(url).scheme
        if scheme == "https" or (scheme == "http" and self._plain):
            return url
        raise BadImage(f"the registry {self._remote.host} sends us to {url[:100]!r}, which is not https")

    # who we are

    def _authenticate(self, header: str) -> str:
        """The Authorization header that it asks for. Raises _Denied, BadImage, Broken."""
        wanted = challenge.choose([header])
        login = self._access.logins.get(self._remote.host)
        if wanted is None:
            raise self._denied("authentication required")
        if wanted.scheme == "bearer":
            return f"Bearer {self._token(wanted.members, login)}"
        if login is None:
            raise self._denied("no basic auth credentials")
        return login.basic

    def _token(self, members: Mapping[str, str], login: Login | None) -> str:
        """Ask the token service for the right to pull this repository, and for no other right."""
        query = {"scope": f"repository:{self._remote.repository}:pull"}
        if "service" in members:
            query["service"] = members["service"]
        realm = self._allowed(members.get("realm", ""))
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        answer = self._once("GET", url, {} if login is None else {"Authorization": login.basic})
        if answer.status in _BUSY:
            raise _busy(answer, realm)
        if answer.status != 200:
            answer.close()
            raise self._denied("incorrect username or password" if login else "authentication required")
        try:
            found = msgspec.json.decode(self._whole(answer, TOKEN_BYTES_MAX), type=_Token)
        except msgspec.DecodeError as error:
            raise BadImage(f"the token service of {self._remote.host} answers nonsense: {error}") from error
        token = found.token or found.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise BadImage(f"the token service of {self._remote.host} gave no token")
        return token

    # answers that are none

    def _refusal(self, answer: Body, what: str) -> BadImage:
        """As Docker words it, which is what ECS shows."""
        said = _errors(self._whole(answer, CONFIG_BYTES_MAX))
        if answer.status in (401, 403):
            return self._denied(said)
        if answer.status == 404:
            return BadImage(f"{what} not found: {said or 'manifest unknown'}")
        return BadImage(f"{what}: the registry answers {answer.status} {said}".rstrip())

    def _denied(self, said: str) -> BadImage:
        name = self._shown.partition("@")[0]
        return _Denied(
            f"pull access denied for {name}, repository does not exist or may require 'docker login': "
            f"{said or 'denied: requested access to the resource is denied'}"
        )

    def _whole(self, answer: Body, limit: int) -> bytes:
        """A small answer, read to its end."""
        pieces, length = [], 0
        try:
            while piece := answer.read1(2**16):
                pieces.append(piece)
                length += len(piece)
                if length > limit:
                    raise BadImage(f"an answer of the registry is longer than {limit // 2**20} MiB")
        except HTTPError as error:
            raise BadImage(f"{self._remote.host}: {_in_words(error, self._home)}") from error
        finally:
            answer.close()
        return b"".join(pieces)


def _busy(answer: Body, url: str) -> Broken:
    """Why it has to be asked again, and when."""
    answer.close()
    after = answer.headers.get("Retry-After", "")
    after_s = min(float(after), RETRY_AFTER_S_MAX) if after.isascii() and after.isdigit() else None
    if answer.status == 429:
        return Broken("toomanyrequests: the registry's rate limit is reached", after_s)
    return Broken(f"received unexpected HTTP status: {answer.status} from {urlsplit(url).netloc}", after_s)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    found = urlsplit(url)
    return found.scheme, found.hostname, found.port or {"http": 80, "https": 443}.get(found.scheme)


def _errors(raw: bytes) -> str:
    """The first error of an answer: "manifest unknown: manifest unknown"; "" when there is none to read."""
    try:
        found = msgspec.json.decode(raw, type=_Errors).errors
    except msgspec.DecodeError:
        return ""
    if not found:
        return ""
    text = f"{found[0].code.lower().replace('_', ' ')}: {found[0].message}"[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _in_words(error: Exception, url: str) -> str:
    """As Docker says it."""
    host = urlsplit(url).netloc
    cause: BaseException | None = getattr(error, "reason", None)
    found = cause if isinstance(cause, Exception) else error
    match found:
        case NameResolutionError():
            return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
        case NewConnectionError(__cause__=OSError(strerror=str() as why)):
            return f"dial tcp {host}: connect: {why.lower()}"
        case ConnectTimeoutError():
            return f"dial tcp {host}: i/o timeout"
        case ReadTimeoutError():
            return "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
        case SSLError():
            return f"tls: {str(found)[:200]}"
    return f"{host}: {str(found)[:200]}"
