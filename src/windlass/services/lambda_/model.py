"""Functions, their versions and aliases, and their environments as rows; event_model.py has queued events.

Writers: handlers write `Function.wanted` and all that callers set; controller.py alone writes `served`
and the states, of versions too; but idleness.py makes what nobody uses Inactive, and invoke.py that Pending.
Environment rows are written with their Unit, or before it, by environments.py and deleted with it by
controller.py. Version and Alias rows go with their function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table
from windlass.services.lambda_.event_model import EVENT_INVOKE_CONFIGS, EVENT_TABLES
from windlass.services.lambda_.layer_model import LAYER_TABLES, LayerUse
from windlass.services.lambda_.provisioned_model import PROVISIONED
from windlass.services.lambda_.urls.model import FUNCTION_URLS
from windlass.services.lambda_.vpc_model import SHARED_INTERFACES, VpcConfig

LATEST = "$LATEST"


State = Literal["Pending", "Active", "Inactive", "Failed"]
UpdateStatus = Literal["", "InProgress", "Successful", "Failed"]
"""LastUpdateStatus; empty until a function is Active for the first time."""
RuntimeUpdate = Literal["Auto", "FunctionUpdate"]
"""UpdateRuntimeOn; PutRuntimeManagementConfig."""


@dataclass(frozen=True, slots=True)
class Image:
    """A container image that a function runs, and what it has in place of the image's own settings."""

    uri: str
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""
    resolved: str = ""
    """The URI with the digest that the tag had; written by preparing.py, empty until it is known."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Code and configuration: of $LATEST what an update replaces as a whole, of a version for good."""

    role: str
    handler: str
    runtime: str
    code_sha256: str
    """Lower-case hex; also the blob's name."""
    code_size: int
    description: str = ""
    timeout_s: int = 3
    memory_mib: int = 128
    environment: tuple[tuple[str, str], ...] = ()
    architecture: str = "x86_64"
    ephemeral_mib: int = 512
    tracing: str = "PassThrough"
    log_group: str = ""
    """Empty: /aws/lambda/NAME."""
    dead_letter: str = ""
    """ARN of the queue for asynchronous events that were given up; empty: none."""
    unpacked_size: int = 0
    """Bytes that the package unpacks to; 0 in rows of before this was kept."""
    layers: tuple[LayerUse, ...] = ()
    """In the order that they go to /opt."""
    vpc: VpcConfig | None = None
    image: Image | None = None
    """In place of a package, a handler and a runtime, which are empty then."""
    log_format: str = "Text"
    application_log_level: str = ""
    system_log_level: str = ""
    """Levels are empty unless the format is JSON."""
    snap_start: bool = False
    """Versions of it are restored from snapshots: SnapStart, ApplyOn PublishedVersions."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `wanted` is what callers see, `served` what runs: they differ while an update is on.

    `uid` tells a function from a later one of the same name; `generation` counts the values of `wanted`.
    """

    account: str
    region: str
    name: str
    uid: str
    wanted: Settings
    generation: int
    created_at: Instant
    last_modified: Instant
    revision_id: str
    served: Settings | None = None
    served_generation: int = 0
    state: State = "Pending"
    update_status: UpdateStatus = ""
    reserved: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    policy: tuple[tuple[str, str], ...] = ()
    """(statement id, statement as JSON), in the order they were added."""
    last_version: int = 0
    """The number of the version that was published last; numbers are not used again."""
    state_code: str = ""
    state_reason: str = ""
    update_code: str = ""
    update_reason: str = ""
    pending_at: Instant = 0
    """When it was Inactive and invoked: it waits since then."""
    active_at: Instant = 0
    """An instant at which it was in use; written now and then only (idleness.py)."""
    runtime_update: RuntimeUpdate = "Auto"
    recursive_loop: Literal["Allow", "Terminate"] = "Terminate"

    @property
    def arn(self) -> str:
        return arn("lambda", self.region, self.account, f"function:{self.name}")

    def qualified_arn(self, qualifier: str) -> str:
        """The ARN with a version or an alias behind it; without when that is empty."""
        return f"{self.arn}:{qualifier}" if qualifier else self.arn

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)

    @property
    def changing(self) -> bool:
        """Whether the controller has something to take over into `served`."""
        return self.state == "Pending" or self.update_status == "InProgress"

    @property
    def shown(self) -> Settings:
        """What callers see of it."""
        return self.wanted

    @property
    def waits_since(self) -> Instant:
        """Since when it waits for what it needs; meaningful only while it does."""
        return max(self.last_modified, self.pending_at)

    @property
    def idle_since(self) -> Instant:
        """The last instant at which it is known to have been in use, or was changed."""
        return max(self.waits_since, self.active_at)

    @property
    def has_vpc(self) -> bool:
        """Whether it is in a VPC, was, or is to be."""
        return self.wanted.vpc is not None or (self.served is not None and self.served.vpc is not None)


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: what $LATEST was when it was published. Only state, policy and revision change."""

    account: str
    region: str
    function: str
    uid: str
    """Of the function."""
    number: int
    settings: Settings
    created_at: Instant
    revision_id: str
    described: str = ""
    """Description of $LATEST at that time; the version's own may be another one."""
    state: State = "Pending"
    policy: tuple[tuple[str, str], ...] = ()
    state_code: str = ""
    state_reason: str = ""
    pending_at: Instant = 0
    active_at: Instant = 0
    """As a function's."""
    runtime_update: RuntimeUpdate = "Auto"

    @property
    def key(self) -> tuple[str, int]:
        return (self.uid, self.number)

    @property
    def changing(self) -> bool:
        """Whether the controller has something to make for it."""
        return self.state == "Pending"

    @property
    def shown(self) -> Settings:
        """As a function's."""
        return self.settings

    @property
    def waits_since(self) -> Instant:
        """Since when it waits for what it needs; meaningful only while it does."""
        return max(self.created_at, self.pending_at)

    @property
    def idle_since(self) -> Instant:
        """The last instant at which it is known to have been in use, or was changed."""
        return max(self.waits_since, self.active_at)

    @property
    def has_vpc(self) -> bool:
        return self.settings.vpc is not None


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version, which it can be pointed elsewhere under; with weights, for two of them."""

    account: str
    region: str
    function: str
    uid: str
    """Of the function."""
    name: str
    version: str
    """A number, or $LATEST."""
    revision_id: str
    description: str = ""
    weights: tuple[tuple[str, float], ...] = ()
    """(another version, its share of the invocations, 0 to 1); the rest goes to `version`."""
    policy: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return (self.uid, self.name)

    @property
    def versions(self) -> tuple[str, ...]:
        """All that it may lead to."""
        return (self.version, *dict(self.weights))


def pool_key(uid: str, version: str) -> str:
    """Environments that may stand in for each other: those of one version of one function."""
    return uid if version == LATEST else f"{uid}:{version}"


@dataclass(frozen=True, slots=True)
class Environment:
    """One execution environment: the unit that is it, and what it was made from."""

    unit_id: str
    uid: str
    generation: int
    endpoint: str
    """AWS_ENDPOINT_URL in it: after a restart on another port it is of no more use."""
    created_at: Instant
    access_key: str = ""
    """Of the execution role's session that was made for it; ends with it."""
    version: str = LATEST
    interface_id: str = ""
    """The network interface that it speaks through, its own or a shared one; "" in no VPC."""
    provisioned: bool = False
    own_vpc: str = ""
    """The VPC in which that interface is its own; "" when it is shared."""
    template: bool = False
    """It is the snapshot of its version, and takes no events (SnapStart)."""

    @property
    def pool(self) -> str:
        return pool_key(self.uid, self.version)


def _at_rest(row: Function | Version) -> bool | None:
    """Active, and with something to take back: a VPC's interfaces, an image's copies, a snapshot."""
    snapshot = isinstance(row, Version) and row.settings.snap_start
    outside = row.has_vpc or row.shown.image is not None or snapshot
    return True if row.state == "Active" and not row.changing and outside else None


FUNCTIONS: Table[Function] = Table(
    name="lambda.function",
    row=Function,
    key=lambda function: function.key,
    indexes={
        "scope": Index(of=lambda f: (f.account, f.region), order=lambda f: f.name),
        "changing": Index(of=lambda f: True if f.changing else None),
        "idle": Index(of=_at_rest, order=lambda f: f.idle_since),
        "uid": Index(of=lambda f: f.uid),
        "vpc": Index(of=lambda f: True if f.has_vpc else None),
        "reserved": Index(of=lambda f: (f.account, f.region) if f.reserved is not None else None),
    },
)
VERSIONS: Table[Version] = Table(
    name="lambda.version",
    row=Version,
    key=lambda version: version.key,
    indexes={
        "function": Index(of=lambda v: v.uid, order=lambda v: v.number),
        "scope": Index(of=lambda v: (v.account, v.region), order=lambda v: (v.function, v.number)),
        "changing": Index(of=lambda v: True if v.changing else None),
        "idle": Index(of=_at_rest, order=lambda v: v.idle_since),
        "vpc": Index(of=lambda v: True if v.has_vpc else None),
        "snap_start": Index(of=lambda v: True if v.settings.snap_start else None),
    },
)
ALIASES: Table[Alias] = Table(
    name="lambda.alias",
    row=Alias,
    key=lambda alias: alias.key,
    indexes={"function": Index(of=lambda a: a.uid, order=lambda a: a.name)},
)
ENVIRONMENTS: Table[Environment] = Table(
    name="lambda.environment",
    row=Environment,
    key=lambda environment: environment.unit_id,
    indexes={
        "uid": Index(of=lambda environment: environment.uid),
        "interface": Index(of=lambda environment: environment.interface_id or None),
        "own_vpc": Index(of=lambda environment: environment.own_vpc or None),
        "provisioned": Index(of=lambda environment: environment.uid if environment.provisioned else None),
        "template": Index(of=lambda environment: environment.pool if environment.template else None),
    },
)
OF_A_FUNCTION: tuple[Table[Any], ...] = (
    VERSIONS,
    ALIASES,
    EVENT_INVOKE_CONFIGS,
    FUNCTION_URLS,
    PROVISIONED,
)
"""Tables whose rows go with their function: each has an index "function" by its uid."""
OF_A_QUALIFIER: tuple[Table[Any], ...] = (EVENT_INVOKE_CONFIGS, FUNCTION_URLS, PROVISIONED)
"""Tables with a row for (uid, qualifier), which goes with that version or alias."""
TABLES = (
    FUNCTIONS,
    VERSIONS,
    ALIASES,
    ENVIRONMENTS,
    *LAYER_TABLES,
    *EVENT_TABLES,
    SHARED_INTERFACES,
    FUNCTION_URLS,
    PROVISIONED,
)
