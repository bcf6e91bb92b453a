"""Where builds and their bundles lie: one directory for each deployment, below the plane's own. Blocks.

    <id>/source    the repository's files, in which the build's commands run; what instances copy
    <id>/packages  where pip puts what it installs, for all instances to import
    <id>/bin       the runtime's program under its usual names
    <id>/home      HOME of the commands

A bundle is never written again once its build has succeeded: instances get copies. Known gap: under the
process runner an instance can reach it by its path, as it can any file of its user.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from windlass.services.apprunner.builds.recipe import Unfit
from windlass.services.apprunner.builds.runtimes import Wanted

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PIP = '#!/bin/sh\nexec python3 -m pip "$@"\n'


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one deployment."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def variables(self, wanted: Wanted) -> dict[str, str]:
        """What commands of a build and instances are told, so that they find programs and packages."""
        packages = self.root / "packages"
        told = {"PATH": f"{self.root / 'bin'}:{packages / 'bin'}:{SYSTEM_PATH}"}
        return told | {"PYTHONPATH": str(packages)} if wanted.program == "python3" else told

    def building(self) -> dict[str, str]:
        """What only the build is told: where to install to, instead of into the machine."""
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        return {"HOME": str(self.home), "PIP_TARGET": str(self.root / "packages"), **quiet}

    def bundle(self, inside: str) -> Path:
        """The directory in which commands run. Raises Unfit when it is not there, or a link leads out."""
        found = self.source / inside
        if not found.is_dir() or not found.resolve().is_relative_to(self.source.resolve()):
            raise Unfit(f"there is no SourceDirectory {inside!r} in the repository")
        return found

    def clear(self) -> None:
        """Begin anew: nothing of an attempt before is left."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(mode=0o755, parents=True)
        for name in ("packages", "bin", "home"):
            (self.root / name).mkdir()

    def link(self, wanted: Wanted, program: str) -> None:
        """Let the program be found under its usual names."""
        names = ("python3", "python") if wanted.program == "python3" else (wanted.program,)
        for name in names:
            (self.root / "bin" / name).symlink_to(program)
        if wanted.program == "python3":
            for name in ("pip", "pip3"):
                pip = self.root / "bin" / name
                pip.write_text(_PIP)
                pip.chmod(0o755)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def sweep(directory: Path, keep: Collection[str]) -> None:
    """Remove what belongs to no build. Only while none can be about to begin."""
    if directory.is_dir():
        for found in sorted(directory.iterdir()):
            if found.name not in keep:
                shutil.rmtree(found, ignore_errors=True)
