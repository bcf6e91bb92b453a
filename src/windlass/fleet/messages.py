"""What the plane and its nodes say to each other. The only part of fleet/ that node/ may import.

The plane offers the whole set of units a node should run, with a generation; on one session it sends the
differences to the generation that the node acknowledged, and everything after a reconnect. The node sends
what it observes, numbered, until the plane has made it durable (`Ack`). Messages are tagged msgpack; see
link.py for the frames.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from windlass.fleet.exec_messages import ExecToNode, ExecToPlane
from windlass.fleet.function_messages import (
    FunctionImage,
    InvokeChunk,
    InvokeRoom,
    LastPiece,
    Package,
    Prepare,
    Prepared,
    StartPhases,
)
from windlass.fleet.networks import (
    Binding,
    Interface,
    Network,
    NetworkState,
    PoolCounts,
    PortMapping,
    SecurityGroup,
)
from windlass.fleet.task_messages import InstanceRoom, Protection, ProtectionWanted, TaskFacts, Usage

Condition = Literal["START", "COMPLETE", "SUCCESS", "HEALTHY"]
ContainerStatus = Literal["pending", "running", "stopped"]
UnitStatus = Literal["pending", "running", "stopping", "stopped"]
Health = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY"]
"""As ECS spells it; UNKNOWN also for a container that has no health check."""


class Message(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of everything on the link."""


class Ulimit(msgspec.Struct, frozen=True, gc=False):
    """`name` as ECS spells it: nofile, nproc, …; -1 is unlimited."""

    name: str
    soft: int
    hard: int


class LogTarget(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where stdout and stderr go: a CloudWatch Logs stream of that account and Region.

    The stream is made with its first event; the group too, unless `create_group` says that it must be there.
    `prefix` is put before each line.
    """

    account: str
    region: str
    group: str
    stream: str
    create_group: bool = True
    prefix: str = ""


class LogOptions(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How output becomes events, and what happens when they cannot be sent (ECS LogConfiguration).

    `event_start` is a regular expression (RE2) found in the first line of each event; "": every line is one.
    Not `blocking`: up to `buffer_bytes` are kept while nothing can be sent, and what comes then is lost.
    """

    event_start: str = ""
    blocking: bool = True
    buffer_bytes: int = 0


class Mount(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A volume in a container. "host": the directory or file `source` of the node; "task": a volume of the

    task's own, called `source`, shared by its containers and gone with it; "node": a volume called `source`
    that stays on the node, for all tasks that name it, made at first use if `provision`; "other": a kind that
    no runner has, `source` says which.
    """

    kind: Literal["host", "task", "node", "other"]
    source: str
    target: str
    read_only: bool = False
    provision: bool = True


class Tmpfs(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A file system in memory, at `target`. `options` are those of ECS Tmpfs.mountOptions."""

    target: str
    size_mib: int
    options: tuple[str, ...] = ()


class Device(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A device of the node in a container. `access` has r(ead), w(rite) and m(knod) (ECS API, Device)."""

    source: str
    target: str
    access: str = "rwm"


class HealthCheck(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A command that is run in the container again and again: exit code 0 means healthy.

    `command` is what is executed, a shell's words for CMD-SHELL. Seconds, and `retries` failures in a row
    until UNHEALTHY; failures within `start_period_s` of the start do not count (ECS API, HealthCheck).
    """

    command: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 5.0
    retries: int = 3
    start_period_s: float = 0.0


class RestartPolicy(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Start the container again when it exits, unless with one of these codes, or sooner than

    `attempt_period_s` after its last start (ECS API, ContainerRestartPolicy).
    """

    ignored_exit_codes: tuple[int, ...] = ()
    attempt_period_s: float = 300.0


class ContainerSpec(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One container. Under the process runner `entry_point + command` is run on the host, without a shell,

    and the members from `mounts` on mean nothing: they are for runners with images.
    """

    name: str
    image: str = ""
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    working_directory: str = ""
    user: str = ""
    essential: bool = True
    depends_on: tuple[tuple[str, Condition], ...] = ()
    start_timeout_s: float | None = None
    stop_timeout_s: float = 30.0
    memory_mib: int | None = None
    cpu_units: int = 0
    ulimits: tuple[Ulimit, ...] = ()
    log: LogTarget | None = None
    log_options: LogOptions = LogOptions()
    cannot_start: str = ""
    """Why the plane knows that it cannot start, as ECS words it: the node reports it as failed."""
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    read_only_root: bool = False
    shared_memory_mib: int | None = None
    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    init: bool = False
    """The first process is a small init that hands signals on and reaps, and the command is its child."""
    privileged: bool = False
    devices: tuple[Device, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    swap_mib: int = 0
    """How much may be swapped, on top of `memory_mib`; -1: as much as there is."""
    swappiness: int | None = None
    health_check: HealthCheck | None = None
    restart_policy: RestartPolicy | None = None
    """None: it is not started again."""
    arn: str = ""
    runtime_id: str = ""
    """What ECS calls the container's runtime id; with the ARN for the container's own eyes (metadata)."""
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[PortMapping, ...] = ()


class FunctionSpec(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A Lambda execution environment. `code` is a file (zip) by its SHA-256 in the plane's blob directory."""

    code_sha256: str
    code_path: str
    handler: str
    runtime: str
    memory_mib: int
    timeout_s: float
    init_timeout_s: float
    environment: tuple[tuple[str, str], ...] = ()
    log: LogTarget | None = None
    layers: tuple[Package, ...] = ()
    """In the order that they go to /opt: of two files of one path the later layer's counts."""
    ahead: bool = False
    """Initialise it before any event comes: it runs once that has succeeded, and ends if it fails."""
    image: FunctionImage | None = None
    """In place of `code` and a runtime, which are empty then."""
    ephemeral_mib: int = 512
    system_log_level: str = ""
    snapshot: str = ""
    """The key of what its template is the snapshot of (SnapStart); "" for those that have none."""
    template: bool = False
    """It is the template: initialised, it takes no events; environments with that key are forked from it."""
    restore_timeout_s: float = 0
    """How long one that is forked may take until it takes events."""


class UnitSpec(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What to run as one unit: an ECS task's containers, or one function environment."""

    unit_id: str
    kind: Literal["task", "function"]
    containers: tuple[ContainerSpec, ...] = ()
    function: FunctionSpec | None = None
    task: TaskFacts | None = None
    """None for units that are no ECS tasks: they have no endpoints to ask."""
    network: Network = Network()
    instance: InstanceRoom | None = None
    """None: it has the node to itself, as far as the plane is concerned."""


class Want(msgspec.Struct, frozen=True, gc=False):
    """One unit in a desired set: run it, or have it stopped. What is not in the set is removed.

    `stop_within` is how long all of it has for its end, in nanoseconds, however long the stopTimeouts of its
    containers are; 0: as long as these say.
    """

    spec: UnitSpec
    run: bool
    stop_within: int = 0


class ContainerState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One container as the node sees it. Instants are nanoseconds since the epoch, 0 when not yet."""

    name: str
    status: ContainerStatus
    exit_code: int | None = None
    reason: str = ""
    pid: int = 0
    started_at: int = 0
    stopped_at: int = 0
    health: Health = "UNKNOWN"
    restart_count: int = 0
    """How often its restart policy started it again; it stays "running" meanwhile, with pid 0."""
    bindings: tuple[Binding, ...] = ()
    image_digest: str = ""
    """Of the manifest that the image came with; "" while it is not known, and for images that had none."""


class UnitState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One unit as the node sees it. `reason` is AWS's stoppedReason when the node knows one.

    `stop_code` is "EssentialContainerExited", "TaskFailedToStart", or "" when the plane asked for the stop.
    `pull_*` bracket fetching the image or unpacking the code.
    """

    unit_id: str
    status: UnitStatus
    containers: tuple[ContainerState, ...] = ()
    stop_code: str = ""
    reason: str = ""
    pull_started_at: int = 0
    pull_stopped_at: int = 0
    started_at: int = 0
    stopping_at: int = 0
    execution_stopped_at: int = 0
    stopped_at: int = 0
    network: NetworkState | None = None
    """None until the task has its network, and in the modes host and none."""


# node → plane


class Hello(Message, frozen=True, tag="hello"):
    """Opens a session: who the node is, what it has, which generation it holds, what runs there now."""

    node_id: str
    token: str
    cpu_units: int
    memory_mib: int
    generation: int
    units: tuple[UnitState, ...] = ()
    run: str = ""
    """Which process this is, at random: while one is connected, another in its name is turned away."""

    def __repr__(self) -> str:
        return f"Hello({self.node_id!r}, generation={self.generation}, {len(self.units)} units)"


class Observed(Message, frozen=True, tag="observed"):
    """States that changed, oldest first; `number` rises by one and is acknowledged by `Ack`."""

    number: int
    units: tuple[UnitState, ...]


class LogLines(Message, frozen=True, tag="logs"):
    """Output of one container or environment: (instant, line without its newline), acknowledged by `Ack`."""

    number: int
    target: LogTarget
    lines: tuple[tuple[int, str], ...]


class Accepted(Message, frozen=True, tag="accepted"):
    """The node holds this generation of its desired set."""

    generation: int


ENVIRONMENT_GONE = "EnvironmentGone"
"""`InvokeResult.error` when the event was not delivered because there is no such environment any more."""


class InvokeResult(Message, frozen=True, tag="result"):
    """The answer to `Invoke`. `error` is "" for success, else X-Amz-Function-Error; `usable`: another event

    may follow, `settling`: once its extensions are done. Durations in nanoseconds; `init_ns` 0: a warm start.
    """

    request_id: str
    unit_id: str
    payload: bytes
    error: str = ""
    log_tail: bytes = b""
    duration_ns: int = 0
    init_ns: int = 0
    memory_used_mib: int = 0
    usable: bool = True
    phases: StartPhases | None = None
    """Of the environment's start; with its first event only."""
    settling: bool = False
    streamed: LastPiece | None = None


class CredentialsWanted(Message, frozen=True, tag="credentials_wanted"):
    """A task that runs here asks for its role's credentials; answered by `Credentials` of the same unit."""

    unit_id: str


class SecretKept(Message, frozen=True, tag="secret_kept"):
    """The node has the secret of that digest (tokens.py) on its disk: older ones are needed no more."""

    digest: str


class Beat(Message, frozen=True, tag="beat"):
    """Nothing to say, still here."""


# plane → node


class Welcome(Message, frozen=True, tag="welcome"):
    """Answers Hello. `observed` is the highest number the plane has made durable; `endpoint` is for tasks."""

    epoch: int
    observed: int
    endpoint: str
    lease_s: float
    pool_size: int = 8
    """How many sandboxes the node makes ahead for each subnet that it has tasks in."""
    usage_s: float = 60.0
    """How often the node tells what its tasks use."""


class Desired(Message, frozen=True, tag="desired"):
    """The set of that generation: what changed and what is gone since `since`; -1: this is all of it."""

    generation: int
    since: int
    changed: tuple[Want, ...]
    gone: tuple[str, ...] = ()

    def is_behind(self, generation: int) -> bool:
        """Whether it says nothing to a node that holds that generation: an older one, or the same

        difference again. The whole set of the same generation is taken again.
        """
        return self.generation < generation or (self.generation == generation and self.since != -1)


class SecurityGroups(Message, frozen=True, tag="security_groups"):
    """All security groups that the units of this node are in, and those that their rules name, whole.

    Sent when a session opens, and again when one changes. Of a group that no rule here names the members are
    left out, and of one that is only named the rules.
    """

    groups: tuple[SecurityGroup, ...]
    interfaces: tuple[Interface, ...] = ()
    """Those that functions share: a node has them there before the first environment comes."""


class Ack(Message, frozen=True, tag="ack"):
    """All observations and log lines up to this number are durable."""

    number: int


class Invoke(Message, frozen=True, tag="invoke"):
    """One event for one environment; or `settles`: the question when it takes one, after `settling`."""

    request_id: str
    unit_id: str
    payload: bytes
    deadline_ns: int
    function_arn: str
    tail: bool = False
    client_context: str = ""
    trace_id: str = ""
    settles: bool = False
    stream: bool = False  # its response may come in pieces: function_messages.py


class Credentials(Message, frozen=True, tag="credentials"):
    """Temporary credentials of a task's role, good until the instant `expires_at`; or why there are none.

    Secret: they are shown to the task that asked and to nobody else, and kept in memory only.
    """

    unit_id: str
    role_arn: str = ""
    access_key: str = ""
    secret: str = ""
    session_token: str = ""
    expires_at: int = 0
    why: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.unit_id!r}, {self.access_key!r}, why={self.why!r})"


class SecretGiven(Message, frozen=True, tag="secret_given"):
    """What the node shows from its next session on; answered by `SecretKept` once it is on its disk."""

    secret: str

    def __repr__(self) -> str:
        return "SecretGiven(...)"


class Refused(Message, frozen=True, tag="refused"):
    """The session is not accepted (wrong token, another plane's epoch); the node says why and ends."""

    why: str


class Shutdown(Message, frozen=True, tag="shutdown"):
    """Stop every unit, report, and end: a clean end of an embedded agent's plane."""


FromNode: TypeAlias = (
    Hello
    | Observed
    | LogLines
    | Accepted
    | InvokeResult
    | Prepared
    | InvokeChunk
    | CredentialsWanted
    | ProtectionWanted
    | SecretKept
    | ExecToPlane
    | PoolCounts
    | Usage
    | Beat
)
FromPlane: TypeAlias = (
    Welcome
    | Desired
    | SecurityGroups
    | Ack
    | Invoke
    | Prepare
    | InvokeRoom
    | Credentials
    | Protection
    | SecretGiven
    | ExecToNode
    | Refused
    | Shutdown
)
