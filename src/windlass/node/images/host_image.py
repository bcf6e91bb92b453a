"""A small image made of this host's own Python, so that containers can be tried with no registry at hand.

What goes in: the interpreter that runs this, its standard library (without tests), the installed packages
that are asked for with all that they need, a shell and a few tools, the shared libraries of all these (as
`ldd` finds them), certificates, and a user database with root and nobody. Paths are the host's, so nothing
has to be relocated; packages lie in /opt/packages, which PYTHONPATH names.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from windlass.node.images import sources
from windlass.node.images.config import ImageConfig
from windlass.node.images.faults import BadImage
from windlass.node.images.store import Image, ImageStore

NAME = "windlass/host-python"
PACKAGES = ("boto3",)
"""What a task most often needs; it brings botocore along."""
PACKAGES_AT = "opt/packages"
TOOLS = ("sh", "env", "cat", "echo", "sleep", "true", "false", "mkdir", "rm", "uname", "whoami", "id")
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_LEFT_OUT = frozenset(
    ("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo",
     "ensurepip", "lib2to3")
)  # fmt: skip
"""Directories of the standard library that no task misses; `config-*` (for building Python) too."""
_LDD = re.compile(r"(?:=>\s+)?(/\S+)\s+\(0x")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")
_ELF = b"\x7fELF"
_LDD_FILES_MAX = 200
"""Files for one call of ldd."""
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"


def add(store: ImageStore, name: str = NAME, packages: Sequence[str] = PACKAGES) -> Image:
    """Make the image and keep it under that name. Raises BadImage, OSError."""
    python = Path(sys.executable).resolve()
    settings = ImageConfig(
        command=("python3",),
        environment=(
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("PYTHONPATH", f"/{PACKAGES_AT}"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("LANG", "C.UTF-8"),
        ),
    )
    with store.workshop() as workshop:
        archive = workshop / "host.tar"
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
            _Filling(tar).fill(python, packages)
        return sources.add(store, archive, name, settings)


class _Filling:
    """The archive while it is filled; a path is put in once."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._there: set[str] = set()
        self._programs: list[Path] = []

    def fill(self, python: Path, packages: Sequence[str]) -> None:
        for name, mode in (("tmp", 0o1777), ("root", 0o755), ("proc", 0o555), ("sys", 0o555), ("dev", 0o755)):
            self._folder(name, mode)
        self._text("etc/passwd", _PASSWD)
        self._text("etc/group", _GROUP)
        self._text("etc/nsswitch.conf", "hosts: files dns\n")
        self._file(python, str(python))
        for alias in ("usr/local/bin/python3", "usr/local/bin/python"):
            self._link(alias, str(python))
        for tool in TOOLS:
            if found := shutil.which(tool):
                self._file(Path(found), f"bin/{tool}")
        self._standard_library()
        for source, target in _package_files(packages):
            self._file(source, f"{PACKAGES_AT}/{target}")
        for certificates in CERTIFICATES:
            self._file(Path(certificates), certificates)
        for library in sorted(libraries(self._programs)):
            self._file(Path(library), library)

    def _standard_library(self) -> None:
        paths = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})
        for root in sorted({paths["stdlib"], paths["platstdlib"]}):
            for path, folders, files in os.walk(root):
                folders[:] = sorted(f for f in folders if f not in _LEFT_OUT and not f.startswith("config-"))
                for name in sorted(files):
                    self._file(Path(path, name), f"{path}/{name}")

    def _file(self, source: Path, target: str) -> None:
        """One file with what it points to as its content, owned by root."""
        target = target.lstrip("/")
        if target in self._there or not source.is_file() or _is_foreign(source.name):
            return
        self._there.add(target)
        real = source.resolve()
        about = self._tar.gettarinfo(real, target)
        if not about.isreg():  # a second name of a file that is in already
            about.type, about.linkname, about.size = tarfile.REGTYPE, "", real.stat().st_size
        about.uid = about.gid = 0
        about.uname = about.gname = ""
        with real.open("rb") as file:
            if file.read(4) == _ELF:
                self._programs.append(real)
            file.seek(0)
            self._tar.addfile(about, file)

    def _folder(self, name: str, mode: int) -> None:
        about = tarfile.TarInfo(name)
        about.type, about.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(about)

    def _link(self, name: str, target: str) -> None:
        if name in self._there or f"/{name}" == target:
            return
        self._there.add(name)
        about = tarfile.TarInfo(name)
        about.type, about.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(about)

    def _text(self, name: str, text: str) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(text), 0o644
        self._tar.addfile(about, io.BytesIO(text.encode()))


def _is_foreign(name: str) -> bool:
    """Compiled by another Python. What ours compiled goes along: each container would have to do it again."""
    return name.endswith(".pyc") and not name.endswith(f".{sys.implementation.cache_tag}.pyc")


def _package_files(names: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """(file, place) of these distributions and of all that they require."""
    todo, seen = list(names), set[str]()
    while todo:
        name = todo.pop()
        if (key := re.sub(r"[-_.]+", "-", name).lower()) in seen:
            continue
        seen.add(key)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in names:
                raise BadImage(f"the package {name!r} is not installed beside Windlass") from None
            continue
        todo += _required(found.requires or ())
        for file in found.files or ():
            place = file.as_posix()
            if not place.startswith(".."):
                yield Path(str(found.locate_file(file))), place


def _required(requirements: Iterable[str]) -> list[str]:
    """Names of unconditional requirements; those of extras are left out, other markers are taken."""
    found = []
    for requirement in requirements:
        _, _, marker = requirement.partition(";")
        match = _REQUIREMENT.match(requirement)
        if match and "extra" not in marker:
            found.append(match[0])
    return found


def libraries(programs: Sequence[Path]) -> set[str]:
    """The shared libraries of these ELF files, and the loader."""
    tool = shutil.which("ldd")
    if tool is None:
        raise BadImage("there is no ldd on this host (Debian libc-bin, Fedora glibc-common)")
    found: set[str] = set()
    for start in range(0, len(programs), _LDD_FILES_MAX):
        words = [tool, *map(str, programs[start : start + _LDD_FILES_MAX])]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        found |= set(_LDD.findall(done.stdout))
    return found
