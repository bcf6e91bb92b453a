"""Fetches source code of this machine into a directory of the plane's own: an edge, beside the loop.

A git repository is cloned by git itself, over its own protocol, with nobody's configuration: no hook, filter
or configuration of the repository is run here. A plain directory is copied, links as links and nothing that
is no file. Both are bounded. Known gaps: submodules and large files of git-lfs are not fetched.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from windlass.kernel.clock import SECOND, Duration
from windlass.services.apprunner.builds.place import SYSTEM_PATH
from windlass.services.apprunner.builds.recipe import FILE, FILE_BYTES_MAX, Unfit

FILES_MAX = 200_000
BYTES_MAX = 3 * 2**30
"""App Runner Developer Guide, develop: an instance has 3 GB for all; how many files is ours."""
GIT_WITHIN: Duration = 300 * SECOND
GIT_LINES = 5
"""How much of what git says about a failure is shown."""
NOT_GIT = "{path} is no git repository: it is taken as it is, and branch {branch!r} is not looked for."


@dataclass(frozen=True, slots=True)
class Fetched:
    """`commit` is "" for a directory that is no repository; `notice` is for the log."""

    commit: str
    notice: str = ""


def is_repository(path: Path) -> bool:
    """Whether git keeps something there: a working tree, or a bare repository."""
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


async def fetch(path: Path, branch: str, target: Path, home: Path) -> Fetched:
    """Have the branch's files in `target`, which is not there yet. Raises Unfit."""
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(None, path.is_dir):
        raise Unfit(f"there is no directory {path}")
    if not is_repository(path):
        await loop.run_in_executor(None, copy, path, target)
        return Fetched("", NOT_GIT.format(path=path, branch=branch))
    options = ("--quiet", "--depth=1", "--single-branch", "--no-tags", "--template=", f"--branch={branch}")
    await _git(path, home, "clone", *options, "--", f"file://{path}", str(target))
    commit = await _git(path, home, "-C", str(target), "rev-parse", "HEAD")
    await loop.run_in_executor(None, shutil.rmtree, target / ".git")
    return Fetched(commit.strip())


async def head(path: Path, branch: str, home: Path) -> str:
    """The commit that the branch of a repository is at; "" where there is none. Raises Unfit."""
    said = await _git(path, home, "ls-remote", "--", f"file://{path}", f"refs/heads/{branch}")
    return said.partition("\t")[0]


async def _git(path: Path, home: Path, *words: str) -> str:
    """What git prints. Its configuration is ours alone: the repository may belong to somebody else."""
    program = shutil.which("git", path=SYSTEM_PATH) or shutil.which("git")
    if program is None:
        raise Unfit(
            "git is not installed on this machine: install it, or name a directory that is no repository"
        )
    settings = home / "gitconfig"
    await asyncio.get_running_loop().run_in_executor(None, _configure, settings, path)
    environment = {
        "PATH": SYSTEM_PATH,
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file",
    }
    process = await asyncio.create_subprocess_exec(
        program, *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
        env=environment,
    )  # fmt: skip
    try:
        async with asyncio.timeout(GIT_WITHIN / SECOND):
            output, errors = await process.communicate()
    except TimeoutError:
        raise Unfit(f"git {words[0]} of {path} took longer than {GIT_WITHIN // SECOND} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines()[-GIT_LINES:]
        raise Unfit(f"git cannot read {path}: {' '.join(said)[:1_000]}")
    return output.decode(errors="replace")


def _configure(settings: Path, path: Path) -> None:
    """Quotes as git-config(1) has them; a path has no newline where this is called."""
    home = settings.parent
    home.mkdir(parents=True, exist_ok=True)
    quoted = [str(one).replace("\\", "\\\\").replace('"', '\\"') for one in (path, path / ".git")]
    safe = "".join(f'\tdirectory = "{one}"\n' for one in quoted)
    settings.write_text(f"[safe]\n{safe}")


def copy(source: Path, target: Path) -> None:
    """Copy a directory's folders, files and links, and nothing of what `target` lies in. Raises Unfit."""
    budget = _Budget()
    try:
        _copy(source, target, budget)
    except OSError as error:
        raise Unfit(f"{error.filename or source} cannot be read: {error.strerror or error}") from None


@dataclass(slots=True)
class _Budget:
    files: int = 0
    size: int = 0

    def take(self, size: int) -> None:
        self.files += 1
        self.size += size
        if self.files > FILES_MAX or self.size > BYTES_MAX:
            raise Unfit(f"the directory has more than {FILES_MAX} files, or than {BYTES_MAX // 2**30} GiB")


def _copy(source: Path, target: Path, budget: _Budget) -> None:
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            found, made = Path(entry.path), target / entry.name
            if target.is_relative_to(found):  # the plane's data lies in there
                continue
            seen = entry.stat(follow_symlinks=False)
            budget.take(seen.st_size)
            if stat.S_ISLNK(seen.st_mode):
                made.symlink_to(found.readlink())
            elif stat.S_ISDIR(seen.st_mode):
                _copy(found, made, budget)
            elif stat.S_ISREG(seen.st_mode):
                shutil.copyfile(found, made, follow_symlinks=False)
                made.chmod(0o755 if seen.st_mode & 0o100 else 0o644)


def read_recipe(bundle: Path) -> bytes:
    """The bytes of apprunner.yaml: a file, no link, and not more than it may have. Raises Unfit."""
    try:
        opened = os.open(bundle / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Unfit(f"there is no {FILE} in the source directory") from None
    except OSError as error:
        raise Unfit(f"{FILE} cannot be read: {error.strerror}") from None
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise Unfit(f"{FILE} is no file")
        return file.read(FILE_BYTES_MAX + 1)
