"""What a fork server and its environments see of the file system. Linux, root; part of function_zygote.py.

The server leaves the host's file system for a small root of its own: system directories and interpreters,
read-only, and nobody's data. Each environment gets a copy of that (a mount namespace) with its own /var/task,
/opt and /tmp. Runs under the interpreters of functions (3.8 and later, so no newer syntax); stdlib only.
/tmp is memory: a disk with a quota costs a cold start too much. What is in it counts against a limit of its
own, EphemeralStorage, and is gone with the environment.
Known gaps: layers hide an interpreter below /opt; there is no /dev/shm, as on AWS; the process ids are the
host's, though no others than the environment's own are shown: an environment's first process as pid 1 of a
namespace of its own could not be ended by its own signals, and its exit status would be another's.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from collections.abc import Sequence

HIDDEN = "/.windlass"
"""Root's own: what is mounted from here into environments."""
RUNTIME_ROOT = "/var/runtime"
_SYSTEM = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "nix", "sbin", "sys", "usr")
_DEVICES = ("full", "null", "random", "urandom", "zero")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH = 2
_TMP = _NOSUID | _NODEV
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def enter(data: str, shown: Sequence[str], runtime: Sequence[str]) -> list[tuple[str, str]]:
    """Leave the host's file system for good. Raises OSError where that is not possible.

    `data` is the function host's directory, the source of all code and layers; `shown` are directories that
    stay where they are, interpreters and packages; `runtime` the files that stand in RUNTIME_ROOT. Returns
    what `furnish` has to show again because it is below /tmp.
    """
    _check(_libc.unshare(_CLONE_NEWNS), "mount namespace")
    _mount("", "/", _REC | _PRIVATE)
    root = Path(data, ".root")
    root.mkdir(mode=0o700, exist_ok=True)
    _mount("tmpfs", root, _NOSUID, "tmpfs", "size=1m,mode=755")
    for name in _SYSTEM:
        _show_system(Path("/", name), root)
    for name in shown:
        _show(Path(name), root)
    _show_name_servers(root)
    _make_devices(root / "dev")
    for name in ("proc", "tmp", "var/task", "opt", RUNTIME_ROOT[1:]):
        (root / name).mkdir(parents=True, exist_ok=True)
    for file in map(Path, runtime):
        _bind(file, _in(root, RUNTIME_ROOT) / file.name)
    hidden = _in(root, HIDDEN)
    (hidden / "data").mkdir(parents=True)
    hidden.chmod(0o700)
    _mount(data, hidden / "data", _BIND)
    _show_hosts(root, hidden / "hosts")
    kept = _keep([Path(name).resolve() for name in shown], root)
    _mount_proc(root / "proc")
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "the host's root")
    os.chdir("/")
    _mount("", "/", _REMOUNT | _BIND | _RDONLY | _NOSUID)
    return kept


def leave_server(kept: Sequence[tuple[str, str]]) -> None:
    """Have an own copy of the root, with an empty /tmp. `kept` is what `enter` returned."""
    _check(_libc.unshare(_CLONE_NEWNS), "mount namespace")
    _mount("tmpfs", "/tmp", _TMP, "tmpfs", "mode=1777")
    for source, path in kept:
        show_again(source, path)


def furnish(code: str, opt: str, ephemeral_mib: int) -> None:
    """Show a function's code and layers, and let /tmp be so large, in the copy that this process is in.

    `code` and `opt` are relative to the data directory; "" is no layers.
    """
    _bind_at(f"{HIDDEN}/data/{code}", "/var/task")
    if opt:
        _bind_at(f"{HIDDEN}/data/{opt}", "/opt")
    _mount("tmpfs", "/tmp", _REMOUNT | _TMP, "tmpfs", f"size={ephemeral_mib}m")


def mount_tmp(size: int) -> None:
    """Have an empty /tmp of so many bytes over what was there."""
    _mount("tmpfs", "/tmp", _TMP, "tmpfs", f"mode=1777,size={size}")


def show_again(source: str, path: str) -> None:
    """Show below /tmp what another mount covers by now; `source` is where it can still be had."""
    _bind(Path(source), Path(path))


def enter_mounts(descriptor: int) -> None:
    """Be in that mount namespace: another process of the same environment made it."""
    _check(_libc.setns(descriptor, _CLONE_NEWNS), "mount namespace")


def enter_network(descriptor: int) -> None:
    """Be in that network namespace."""
    _check(_libc.setns(descriptor, _CLONE_NEWNET), "network namespace")


def _show_system(path: Path, root: Path) -> None:
    """A directory of the system; on most of them /bin is a link into /usr, and so it is here."""
    if path.is_symlink():
        _in(root, path).symlink_to(os.readlink(path))  # noqa: PTH115  Path has it since 3.9
    elif path.is_dir():
        _bind(path, _in(root, path), alone=path.name == "sys")


def _show(path: Path, root: Path) -> None:
    """A directory at the place where it is, unless that is there already; also by its name through links."""
    real = path.resolve()
    if real.is_dir() and not _in(root, real).exists():
        _bind(real, _in(root, real))
    link = _in(root, path)
    if real != path and not os.path.lexists(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(real)


def _keep(shown: Sequence[Path], root: Path) -> list[tuple[str, str]]:
    """(where it can be had from, where it is) of what stands below /tmp, which every environment covers."""
    below = [path for path in dict.fromkeys(shown) if path.parts[:2] == ("/", "tmp") and path.is_dir()]
    kept = [(f"{HIDDEN}/kept{number}", str(path)) for number, path in enumerate(below)]
    for source, name in kept:
        _bind(Path(name), _in(root, source))
    return kept


def _mount_proc(target: Path) -> None:
    """Processes of other users are not shown. Before Linux 5.8 that option was for the whole host at once."""
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    if release >= (5, 8):
        _mount("proc", target, _NOSUID | _NODEV, "proc", "hidepid=2")
    else:
        _mount("/proc", target, _BIND | _REC)


def _show_name_servers(root: Path) -> None:
    """/etc/resolv.conf is often a link out of /etc: to a directory of systemd's or NetworkManager's."""
    real = Path("/etc/resolv.conf").resolve()
    if real.parts[1] == "run" and real.is_file():
        _bind(real.parent, _in(root, real.parent))


def _show_hosts(root: Path, own: Path) -> None:
    """The host's names, and those that AWS has for the environment itself: extensions listen there."""
    hosts = Path("/etc/hosts")
    if hosts.is_file():
        own.write_bytes(hosts.read_bytes() + b"\n127.0.0.1\tsandbox.localdomain sandbox\n")
        _bind_at(own, _in(root, hosts), _BIND)


def _make_devices(directory: Path) -> None:
    directory.mkdir()
    for name in _DEVICES:
        (directory / name).touch()
        _mount(f"/dev/{name}", directory / name, _BIND)
    for name, to in _LINKS.items():
        (directory / name).symlink_to(to)


def _in(root: Path, path: Path | str) -> Path:
    """Where that absolute path is while the root is not yet the root."""
    return root / str(path)[1:]


def _bind(source: Path, target: Path, *, alone: bool = False) -> None:
    """Show the source at the target, which is made, read-only. `alone`: not what is mounted in it."""
    if source.is_file():
        target.touch()
    else:
        target.mkdir(parents=True, exist_ok=True)
    _bind_at(source, target, _BIND if alone or source.is_file() else _BIND | _REC)


def _bind_at(source: Path | str, target: Path | str, how: int = _BIND | _REC) -> None:
    _mount(source, target, how)
    _mount("", target, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _mount(source: Path | str, target: Path | str, flags: int, kind: str = "", options: str = "") -> None:
    result = _libc.mount(
        os.fsencode(source) or None,
        os.fsencode(target),
        kind.encode() or None,
        flags,
        options.encode() or None,
    )
    _check(result, str(target))


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
