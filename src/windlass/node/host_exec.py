"""Commands beside a container that runs as processes of this host.

They run as the container's user, in its directory, with its environment and marks, in a session of their own.
A terminal needs `setsid` (util-linux): only the new session's first process can make it the controlling one,
and there is no Python between fork and exec (command.py says why). Known gap: as for the container itself,
nothing is isolated.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.messages import ContainerSpec
from windlass.node.children import Children
from windlass.node.command import CannotStart, Launch
from windlass.node.conversation import Conversation, make_terminal
from windlass.node.runner import ExecEvents

TERMINAL_TYPE = "xterm-256color"
"""TERM, unless the container sets its own."""


def executed_by(container: ContainerSpec, command: ExecStart) -> ContainerSpec:
    """The container with that command in place of its own."""
    environment = container.environment
    if not command.quiet and "TERM" not in dict(environment):
        environment = (*environment, ("TERM", TERMINAL_TYPE))
    return msgspec.structs.replace(
        container, entry_point=(), command=command.command, environment=environment
    )


def converse(
    loop: asyncio.AbstractEventLoop,
    children: Children,
    launch: Launch,
    command: ExecStart,
    events: ExecEvents,
) -> Conversation:
    """Start it. Raises CannotStart, OSError, ValueError."""
    conversation = Conversation(loop, children, events)
    if command.quiet:
        _on_pipes(conversation, launch)
    else:
        _on_terminal(conversation, launch, command)
    return conversation


def _on_terminal(conversation: Conversation, launch: Launch, command: ExecStart) -> None:
    tool = shutil.which("setsid")
    if tool is None:
        raise CannotStart("a terminal needs setsid (util-linux) on this host")
    ours, theirs = make_terminal(command.columns, command.rows)
    try:
        if launch.owner is not None:
            with suppress(OSError):
                os.fchown(theirs, launch.owner, -1)
        argv = (tool, "-c", launch.executable, *launch.argv[1:])
        pid = _spawn(launch, argv, tool, theirs, theirs, new_session=False)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    conversation.watch(pid)
    conversation.begin(ours, ours)


def _on_pipes(conversation: Conversation, launch: Launch) -> None:
    source, output = os.pipe()
    input, sink = os.pipe()
    try:
        pid = _spawn(launch, launch.argv, launch.executable, input, output, new_session=True)
    except BaseException:
        os.close(source)
        os.close(sink)
        raise
    finally:
        os.close(output)
        os.close(input)
    conversation.watch(pid)
    conversation.begin(source, sink)


def _spawn(
    launch: Launch, argv: Sequence[str], executable: str, stdin: int, stdout: int, *, new_session: bool
) -> int:
    try:
        popen = subprocess.Popen(
            argv,
            executable=executable,
            stdin=stdin,
            stdout=stdout,
            stderr=stdout,
            cwd=launch.directory,
            env=launch.environment,
            start_new_session=new_session,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise CannotStart(f'exec: "{argv[0]}": {(error.strerror or str(error)).lower()}') from error
    popen.returncode = 0  # Children reaps it
    return popen.pid
