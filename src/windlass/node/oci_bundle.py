"""A container's bundle: its directory, its root file system and config.json, ready for an OCI runtime.

Synchronous; the runner calls it beside the loop. Decides nothing: oci_spec.py does.

    volumes/<name>/                  volumes of the node's own, for all tasks that name them
    units/<unit>/volumes/<name>/     volumes of the task's own
    units/<unit>/<container>/        image (its id), rootfs, upper, work, config.json, pid, runtime.log,
                                     started (stop signal), exit/ (exit code), hosts, hostname, resolv.conf
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec

from windlass.fleet.messages import ContainerSpec, Device, Mount
from windlass.node import mounts, oci_rootless
from windlass.node.command import CannotStart
from windlass.node.images.places import IN_USE
from windlass.node.images.store import Image
from windlass.node.oci_spec import HostDevice, Limits, Places, runtime_config
from windlass.node.oci_users import look_up
from windlass.node.sandbox import HOST, Sandbox

VOLUMES = "volumes"
HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/hostname")
"""With the host's network come its names, read-only."""
DATABASE_BYTES_MAX = 2**20
"""Of /etc/passwd and /etc/group in an image."""
_LINKS_MAX = 40


@dataclass(frozen=True, slots=True)
class Bundle:
    """One container's place. `id` is its name for the OCI runtime: unit id and a digest of its name.

    `group` is the container's own control group, inside its task's.
    """

    directory: Path
    id: str
    group: str

    @property
    def root(self) -> Path:
        return self.directory / "rootfs"

    @property
    def pid_file(self) -> Path:
        return self.directory / "pid"

    @property
    def exit_directory(self) -> Path:
        """Where its monitor writes the exit code, in a file called as the container."""
        return self.directory / "exit"

    @property
    def started_file(self) -> Path:
        """Written when it is about to run: the number of its stop signal."""
        return self.directory / "started"

    @property
    def log(self) -> Path:
        return self.directory / "runtime.log"


class _Linux(msgspec.Struct):
    cgroupsPath: str


class _Config(msgspec.Struct):
    """What is read again of a config.json."""

    linux: _Linux


def bundle_of(units: Path, task_group: str, unit_id: str, container: str) -> Bundle:
    """Where that container's bundle is. Container names may be longer than file names may."""
    short = sha256(container.encode()).hexdigest()[:12]
    return _bundle(units / unit_id / short, f"{task_group}/{short}")


def found_bundle(units: Path, agent_group: str, unit_id: str, container: str) -> Bundle:
    """Where an agent before this one put that container."""
    return _recalled(bundle_of(units, f"{agent_group}/{unit_id}", unit_id, container), agent_group)


def bundles_in(units: Path, agent_group: str) -> list[tuple[str, Bundle]]:
    """(unit id, bundle) of all that an agent before this one left."""
    return [
        (
            unit.name,
            _recalled(_bundle(directory, f"{agent_group}/{unit.name}/{directory.name}"), agent_group),
        )
        for unit in sorted(units.iterdir())
        for directory in sorted(unit.iterdir())
        if directory.name != VOLUMES
    ]


def _recalled(bundle: Bundle, agent_group: str) -> Bundle:
    """With the group that its config.json names; one of another agent's is that of a copied directory."""
    try:
        config = msgspec.json.decode((bundle.directory / "config.json").read_bytes(), type=_Config)
    except (OSError, msgspec.MsgspecError):  # it was not laid out, or has no group (oci_rootless.py)
        return bundle
    group = config.linux.cgroupsPath
    return replace(bundle, group=group) if group.startswith(f"{agent_group}/") else bundle


def _bundle(directory: Path, group: str) -> Bundle:
    return Bundle(directory, f"{directory.parent.name}-{directory.name}", group)


def lay_out(
    bundle: Bundle,
    unit_id: str,
    spec: ContainerSpec,
    image: Image,
    claim: Callable[[Path], None],
    defaults: Mapping[str, str],
    limits: Limits,
    sandbox: Sandbox = HOST,
) -> None:
    """Make directories, mount the root file system, write config.json. Raises CannotStart, BadImage, OSError.

    `claim` writes down that the image is in use here.
    """
    directory = bundle.directory
    directory.mkdir(mode=0o700, parents=True)
    claim(directory / IN_USE)
    for name in ("rootfs", "upper", "work", "exit"):
        (directory / name).mkdir(mode=0o755)
    upper, work = directory / "upper", directory / "work"
    mounts.mount_overlay(bundle.root, image.layers, upper, work, alone=limits.rootless)
    try:
        volumes = _volumes(directory.parent, spec)
        devices = [_host_device(device) for device in spec.devices]
        places = Places(str(bundle.root), bundle.group, volumes, _files(directory, sandbox), devices, sandbox)
        user = look_up(
            spec.user or image.config.user,
            _database(bundle.root, "etc/passwd"),
            _database(bundle.root, "etc/group"),
        )
        config = runtime_config(unit_id, spec, image.config, user, defaults, places, limits)
        config = oci_rootless.adapt(config) if limits.rootless else config
        (directory / "config.json").write_bytes(msgspec.json.encode(config))
    except BaseException:
        mounts.detach(bundle.root)
        raise


def _volumes(unit: Path, spec: ContainerSpec) -> dict[str, str]:
    """Directories of the task's volumes, made by the first container that has them.

    A host path that is not there is made too, as Docker does (HostVolumeProperties, sourcePath).
    """
    found: dict[str, str] = {}
    for mount in spec.mounts:
        if mount.kind == "task":
            path = unit / VOLUMES / mount.source
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            found[mount.source] = str(path)
        elif mount.kind == "node":
            found[mount.source] = str(_node_volume(unit.parents[1] / VOLUMES, mount))
        elif mount.kind == "host" and mount.source.startswith("/"):
            with suppress(FileExistsError):
                Path(mount.source).mkdir(mode=0o755, parents=True)
    return found


def _node_volume(volumes: Path, mount: Mount) -> Path:
    """DockerVolumeConfiguration, scope "shared": made at first use if it says autoprovision."""
    path = volumes / mount.source
    if not mount.provision and not path.exists():
        raise CannotStart(f"the shared volume {mount.source} is not there, and autoprovision is false")
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def _host_device(device: Device) -> HostDevice:
    """Raises CannotStart for what is no device."""
    try:
        found = Path(device.source).stat()
    except (OSError, ValueError) as error:
        raise CannotStart(f"error gathering device information for {device.source!r}: {error}") from error
    if not (stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)):
        raise CannotStart(f"error gathering device information for {device.source!r}: not a device node")
    return HostDevice(
        device,
        "c" if stat.S_ISCHR(found.st_mode) else "b",
        os.major(found.st_rdev),
        os.minor(found.st_rdev),
        stat.S_IMODE(found.st_mode),
        found.st_uid,
        found.st_gid,
    )


def _files(directory: Path, sandbox: Sandbox) -> dict[str, str]:
    """What names and addresses mean: as the container's own network has it, else as the host has it."""
    if not sandbox.netns:
        return {path: path for path in HOST_FILES if Path(path).exists()}
    found: dict[str, str] = {}
    for path, text in sandbox.files:
        file = directory / Path(path).name
        file.write_text(text)
        file.chmod(0o644)
        found[path] = str(file)
    return found


def _database(root: Path, name: str) -> str:
    """A file of the image; "" when it has none. What it links to is looked for inside, never on the host."""
    path = inside(root, name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return file.read(DATABASE_BYTES_MAX).decode(errors="replace")


def inside(root: Path, name: str) -> Path:
    """The path that `name` means to somebody whose / is `root`: links are followed there, as chroot would.

    Raises CannotStart for circles.
    """
    todo = [part for part in reversed(name.split("/")) if part]
    at: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            at = at[:-1]
            continue
        path = root.joinpath(*at, part)
        if not path.is_symlink():
            at.append(part)
            continue
        links += 1
        if links > _LINKS_MAX:
            raise CannotStart(f"too many symbolic links in /{name} of the image")
        target = str(path.readlink())
        if target.startswith("/"):
            at = []
        todo += [step for step in reversed(target.split("/")) if step]
    return root.joinpath(*at)
