"""Commands beside a container's own by the OCI runtime's `exec`.

They run as root, as ECS Exec has it (ECS Developer Guide, ECS Exec, considerations), in the container's
directory, with its environment, capabilities and limits, read from config.json. A terminal is made by the
runtime in the container's own /dev/pts and comes to us over a socket (runc and crun: --console-socket). The
runtime waits for the command and ends with its exit code; it is never killed itself (oci_check.py says why).
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from windlass.fleet.exec_messages import ExecStart
from windlass.node import proc
from windlass.node.children import Children
from windlass.node.command import CannotStart
from windlass.node.conversation import Conversation
from windlass.node.host_exec import TERMINAL_TYPE
from windlass.node.oci_bundle import Bundle
from windlass.node.runner import ExecEvents

COMPLAINT_CHARS_MAX = 300


def converse(
    loop: asyncio.AbstractEventLoop,
    children: Children,
    runtime: Sequence[str],
    bundle: Bundle,
    command: ExecStart,
    events: ExecEvents,
) -> Conversation:
    """Start it. Raises CannotStart, OSError, ValueError. `runtime` are its first words, --root among them."""
    if any("\0" in word for word in command.command):
        raise CannotStart("a NUL character in the command")
    directory = bundle.directory / f"exec-{command.exec_id}"
    directory.mkdir(mode=0o700)
    config = msgspec.json.decode((bundle.directory / "config.json").read_bytes())
    (directory / "process.json").write_bytes(msgspec.json.encode(process_of(config["process"], command)))
    conversation = Conversation(loop, children, events, signal_inside)
    conversation.complaint = lambda: _complaint(directory / "log")
    words = [*runtime, "--log", str(directory / "log"), "exec", "--process", str(directory / "process.json")]
    if command.quiet:
        _on_pipes(conversation, [*words, bundle.id])
    else:
        conversation.resize(command.columns, command.rows)
        _on_terminal(loop, conversation, words, bundle.id, directory)
    return conversation


def process_of(process: dict[str, Any], command: ExecStart) -> dict[str, Any]:
    """The runtime's description of the command, from that of the container's own."""
    environment = list(process["env"])
    if not command.quiet and not any(pair.startswith("TERM=") for pair in environment):
        environment.append(f"TERM={TERMINAL_TYPE}")
    held = process["capabilities"]["bounding"]
    kinds = ("bounding", "effective", "permitted")
    return {
        **process,
        "terminal": not command.quiet,
        "user": {"uid": 0, "gid": 0},
        "capabilities": dict.fromkeys(kinds, held),
        "env": environment,
        "args": list(command.command),
    }


def signal_inside(pid: int, number: int) -> None:
    """To the command that the runtime of that pid waits for, and its process group."""
    for child in proc.children_of(pid):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, number)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, number)


def _on_terminal(
    loop: asyncio.AbstractEventLoop, conversation: Conversation, words: list[str], id: str, directory: Path
) -> None:
    """The terminal comes when the command is about to run."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    holder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)  # a path of any length through /proc
    try:
        listener.bind(f"/proc/self/fd/{holder}/console")
    finally:
        os.close(holder)
    listener.listen(1)
    listener.setblocking(False)

    def arrived() -> None:
        loop.remove_reader(listener)
        with listener, suppress(OSError, IndexError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(1.0)
                master = _received(connection)
            conversation.begin(master, master)

    loop.add_reader(listener, arrived)

    def forget() -> None:
        if listener.fileno() >= 0:
            loop.remove_reader(listener)
            listener.close()

    try:
        conversation.watch(
            _spawn([*words, "--console-socket", str(directory / "console"), id], subprocess.DEVNULL)
        )
    except BaseException:
        forget()
        raise
    conversation.on_exit = forget


def _on_pipes(conversation: Conversation, words: list[str]) -> None:
    source, output = os.pipe()
    input, sink = os.pipe()
    try:
        conversation.watch(_spawn(words, input, output))
    except BaseException:
        os.close(source)
        os.close(sink)
        raise
    finally:
        os.close(output)
        os.close(input)
    conversation.begin(source, sink)


def _spawn(words: list[str], stdin: int, stdout: int = subprocess.DEVNULL) -> int:
    popen = subprocess.Popen(
        words, stdin=stdin, stdout=stdout, stderr=stdout, env={"PATH": os.defpath}, start_new_session=True
    )
    popen.returncode = 0  # Children reaps it
    return popen.pid


def _received(connection: socket.socket) -> int:
    """The descriptor in the message. Raises OSError, IndexError when there is none."""
    _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(array.array("i").itemsize))
    return array.array("i", ancillary[0][2])[0]


def _complaint(log: Path) -> str:
    """The runtime's last line, without its time: why the command was not started."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1][-COMPLAINT_CHARS_MAX:] if lines else ""
