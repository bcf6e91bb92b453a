"""From a container's specification to what the kernel is to execute, or to a reason why that cannot be.

Reads the file system and the user database; starts nothing. There is no image here: the command is looked
up on the host, in the container's own PATH. Limits are set by util-linux `prlimit` and the user by `setpriv`
in front of the command: its parent is its keeper, which is no Python; see docs/decisions/0006 and 0013.
Known gaps: CPU shares are not enforced, the host's scheduler shares; what binfmt_misc would start is refused
unless it is ELF or has a "#!" line.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.fleet.messages import ContainerSpec, Ulimit
from windlass.node.proc import CONTAINER_MARK, UNIT_MARK

ULIMITS = frozenset(
    (
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    )
)
"""ECS UlimitName; prlimit(1) has an option of the same name for each."""


_HEAD_BYTES = 256
"""The kernel looks at so much of a file to find out how to execute it; BINPRM_BUF_SIZE."""


class CannotStart(Exception):
    """The container cannot be started; the text is what ECS shows as the container's reason."""

    def __init__(self, why: str) -> None:
        super().__init__(f"CannotStartContainerError: {why}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the command runs as: user id, group id, further groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """What to execute. `owner` is the user id that it takes on itself, None: it stays the agent's."""

    executable: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    owner: int | None = None


def prepare(
    unit_id: str, spec: ContainerSpec, defaults: Mapping[str, str], directory: str, identity: Identity | None
) -> Launch:
    """The launch of that container; raises CannotStart.

    The environment is the container's own, over `defaults`, behind the marks by which leftovers are found.
    `directory` is its private one, used unless the specification names another.
    """
    words = (*spec.entry_point, *spec.command)
    if not words or not words[0]:
        raise CannotStart("no command specified, and the process runner knows no image to take one from")
    marks = {UNIT_MARK: unit_id, CONTAINER_MARK: spec.name}
    environment = {**marks, **defaults, **dict(spec.environment), **marks}  # marks at the front, and ours
    if any("\0" in word for word in (*words, *environment, *environment.values())):
        raise CannotStart("a NUL character in the command or the environment")
    if any(not name or "=" in name for name in environment):
        raise CannotStart("an environment variable's name is empty or has a '=' in it")
    directory = spec.working_directory or directory
    if not Path(directory).is_dir():
        raise CannotStart(f"working directory {directory} does not exist on this host")
    executable = look_up(words[0], environment.get("PATH", os.defpath), directory)
    _check_format(executable, words[0])
    argv = (*_limited(spec.ulimits), *_as_user(identity), executable, *words[1:])
    owner = None if identity is None else identity.uid
    return Launch(argv[0], argv, environment, str(Path(directory).absolute()), owner)


def look_up(word: str, path: str, directory: str) -> str:
    """The file that `word` names, as execvp(3) would find it; raises CannotStart as runc words it.

    Plain strings, not Paths: this is run for every start, and a PATH has many places.
    """
    places = (
        [directory] if "/" in word else [f"{directory}/{p}" if p[:1] != "/" else p for p in path.split(":")]
    )
    refused = False
    for place in places:
        candidate = word if word[0] == "/" else f"{place}/{word}"
        try:
            mode = os.stat(candidate).st_mode  # noqa: PTH116
        except OSError:
            continue
        if stat.S_ISREG(mode) and os.access(candidate, os.X_OK):
            return candidate
        refused = True
    if refused:
        raise CannotStart(f'exec: "{word}": permission denied')
    if "/" in word:
        raise CannotStart(f'exec: "{word}": stat {word}: no such file or directory')
    raise CannotStart(f'exec: "{word}": executable file not found in $PATH')


def _check_format(executable: str, word: str) -> None:
    """Refuse what the kernel would refuse to execute: a keeper could only say so by an exit code."""
    try:
        with open(executable, "rb") as file:  # noqa: PTH123 (in every start)
            head = file.read(_HEAD_BYTES)
    except OSError:
        return  # executable and not readable: the kernel will tell
    if head.startswith(b"#!"):
        interpreter = os.fsdecode(head[2:].partition(b"\n")[0].strip().partition(b" ")[0])
        if interpreter and not os.path.exists(interpreter):  # noqa: PTH110
            raise CannotStart(f'exec: "{word}": no such file or directory')
    elif sys.platform == "linux" and not head.startswith(b"\x7fELF"):
        raise CannotStart("Exec format error")


def identify(user: str) -> Identity | None:
    """Whom "uid", "uid:gid", "name" or "name:group" means; None for "": the agent's own user.

    Only root can become somebody else; raises CannotStart otherwise, and for names that the host lacks.
    """
    if not user:
        return None
    name, _, group = user.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        if not name.isdigit():
            raise CannotStart(f"unable to find user {name}: no matching entry in passwd file") from None
        entry = None
    uid = int(name) if entry is None else entry.pw_uid
    gid = _group(group) if group else (0 if entry is None else entry.pw_gid)
    if os.geteuid() != 0:
        if uid == os.geteuid() and (not group or gid == os.getegid()):
            return None
        raise CannotStart(f"user {user}: this agent does not run as root, so it cannot change the user")
    groups = () if group or entry is None else tuple(os.getgrouplist(entry.pw_name, gid))
    return Identity(uid, gid, groups)


def _group(group: str) -> int:
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotStart(f"unable to find group {group}: no matching entry in group file") from None


def _limited(ulimits: tuple[Ulimit, ...]) -> tuple[str, ...]:
    """The words that set limits in front of a command."""
    if not ulimits:
        return ()
    tool = shutil.which("prlimit")
    if tool is None:
        raise CannotStart("ulimits need prlimit (util-linux) on this host")
    options: list[str] = []
    for ulimit in ulimits:
        if ulimit.name not in ULIMITS:
            raise CannotStart(f"unknown ulimit {ulimit.name}")
        options.append(f"--{ulimit.name}={_number(ulimit.soft)}:{_number(ulimit.hard)}")
    return (tool, *options, "--")


def _number(value: int) -> str:
    return "unlimited" if value == -1 else str(value)


def _as_user(identity: Identity | None) -> tuple[str, ...]:
    """The words that change the user, behind `prlimit`, which needs root to raise a limit."""
    if identity is None:
        return ()
    tool = shutil.which("setpriv")
    if tool is None:
        raise CannotStart("a user needs setpriv (util-linux) on this host")
    groups = ",".join(map(str, identity.groups))
    return (
        tool,
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        f"--groups={groups}" if groups else "--clear-groups",
        "--",
    )
