"""The process runner with real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fault.waiting import until
from tests.unit.node.running import PYTHON, Bench, a_container, a_python, a_shell, is_dead, with_runner
from windlass.fleet.messages import Ulimit
from windlass.node import proc

NO_COMMAND = "no command specified, and the process runner knows no image to take one from"
DAEMONIZE = """
import os, sys, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.write(write, str(os.getpid()).encode())
        os.close(write)
        time.sleep(600)
    os._exit(0)
os.close(write)
print(os.read(read, 20).decode(), flush=True)
"""


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -SEGV $$", 139)],
)
def test_exit_codes(tmp_path: Path, script: str, code: int) -> None:
    """A command's exit code is reported as it is; an end by signal n is 128 + n."""

    async def scenario(bench: Bench) -> None:
        assert (await bench.run(a_shell(script))).exit_code == code
        assert bench.lines() == []
        assert (await bench.run(a_shell(script, log=None), "u2")).exit_code == code

    with_runner(tmp_path, scenario)


def test_output_before_end(tmp_path: Path) -> None:
    """Both pipes are read, also a last line without its newline, all before the end is reported."""

    async def scenario(bench: Bench) -> None:
        await bench.run(a_shell("echo one; echo two >&2; printf 'three\\nfo\\377ur'"))
        assert sorted(bench.lines()) == ["fo�ur", "one", "three", "two"]

    with_runner(tmp_path, scenario)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            ("nosuch-command",),
            'CannotStartContainerError: exec: "nosuch-command": executable file not found in $PATH',
        ),
        (
            ("/no/such",),
            'CannotStartContainerError: exec: "/no/such": stat /no/such: no such file or directory',
        ),
        (("/etc/passwd",), 'CannotStartContainerError: exec: "/etc/passwd": permission denied'),
        (("/tmp",), 'CannotStartContainerError: exec: "/tmp": permission denied'),
        (
            (),
            f"CannotStartContainerError: {NO_COMMAND}",
        ),
        (("a\0b",), "CannotStartContainerError: a NUL character in the command or the environment"),
    ],
)
def test_cannot_start(tmp_path: Path, command: tuple[str, ...], reason: str) -> None:
    """What cannot be executed is refused with the reason, and has no exit code."""

    async def scenario(bench: Bench) -> None:
        end = await bench.run(a_container("main", *command))
        assert (end.exit_code, end.reason) == (None, reason)

    with_runner(tmp_path, scenario)


def test_cannot_execute_what_is_there(tmp_path: Path) -> None:
    """A script whose interpreter is missing, and a file that is no program, are found out by the kernel."""
    missing, noise = tmp_path / "missing", tmp_path / "noise"
    missing.write_text("#!/no/such/interpreter\n")
    noise.write_bytes(b"\x7fnoise")
    for file in (missing, noise):
        file.chmod(0o755)

    async def scenario(bench: Bench) -> None:
        first = await bench.run(a_container("main", str(missing)))
        second = await bench.run(a_container("main", str(noise)), "u2")
        assert first.reason == f'CannotStartContainerError: exec: "{missing}": no such file or directory'
        assert second.reason == "CannotStartContainerError: Exec format error"

    with_runner(tmp_path / "data", scenario)


def test_environment_is_exact(tmp_path: Path) -> None:
    """The container sees what it was given, PATH, defaults it does not override, and the marks; no more."""

    async def scenario(bench: Bench) -> None:
        given = (("A", "1"), ("B", "x=y z"), ("URL", "own"))
        await bench.run(a_container("main", "/usr/bin/env", environment=given), URL="default", MORE="2")
        assert sorted(bench.lines()) == [
            "A=1", "B=x=y z", "MORE=2", f"PATH={os.environ['PATH']}", "URL=own",
            "WINDLASS_CONTAINER=main", "WINDLASS_UNIT_ID=u1",
        ]  # fmt: skip

    with_runner(tmp_path, scenario)


def test_own_path_is_searched(tmp_path: Path) -> None:
    """A PATH in the container's environment is the one that the command is looked up in."""
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)

    async def scenario(bench: Bench) -> None:
        await bench.run(a_container("main", "tool", environment=(("PATH", str(tool.parent)),)))
        assert bench.lines() == ["found"]

    with_runner(tmp_path / "data", scenario)


def test_private_directory_goes_with_the_unit(tmp_path: Path) -> None:
    """A container works in a directory of its own, which is gone after `remove`, full or not."""

    async def scenario(bench: Bench) -> None:
        await bench.run(a_shell("pwd; mkdir -p deep/er; echo x > deep/er/file"))
        (directory,) = bench.lines()
        assert Path(directory) == tmp_path / "scratch" / "u1.main"
        assert Path(directory, "deep/er/file").exists()
        bench.runner.remove("u1")
        assert not Path(directory).exists()
        await bench.run(a_shell("true"), "u2")
        bench.runner.remove("u2")
        bench.runner.remove("never-seen")
        assert not list((tmp_path / "scratch").iterdir())

    with_runner(tmp_path, scenario)


def test_what_an_agent_made_and_never_ran(tmp_path: Path) -> None:
    """Killed before it had a keeper: the next agent adopts nothing, and takes it away with the unit."""

    async def scenario(bench: Bench) -> None:
        state, directory = tmp_path / "keepers" / "u1.main", tmp_path / "scratch" / "u1.main"
        state.write_text("1\n")
        directory.mkdir()
        await bench.runner.recall({"u1"})
        assert not bench.runner.adopt("u1", a_container("main", "true"), 0)
        assert state.exists() and directory.exists()
        bench.runner.remove("u1")
        assert not state.exists() and not directory.exists()

    with_runner(tmp_path, scenario)


def test_working_directory(tmp_path: Path) -> None:
    """A working directory that is named is used; one that the host lacks is refused."""

    async def scenario(bench: Bench) -> None:
        await bench.run(a_shell("pwd", working_directory="/usr"))
        assert bench.lines() == ["/usr"]
        end = await bench.run(a_shell("pwd", working_directory="/no/such"), "u2")
        assert (
            end.reason == "CannotStartContainerError: working directory /no/such does not exist on this host"
        )

    with_runner(tmp_path, scenario)


def test_own_session(tmp_path: Path) -> None:
    """A container has a session and a group with its keeper, and cannot read from the agent's terminal."""
    script = "import os, sys; print(os.getppid() == os.getsid(0) == os.getpgid(0), repr(sys.stdin.read()))"

    async def scenario(bench: Bench) -> None:
        await bench.run(a_python(script))
        assert bench.lines() == ["True ''"]

    with_runner(tmp_path, scenario)


def test_terminate_then_kill(tmp_path: Path) -> None:
    """SIGTERM reaches a command, which may ignore it; SIGKILL ends it and its children."""
    script = "trap 'echo ignored' TERM; echo ready; while :; do sleep 600 & wait; done"

    unit = f"u1-{os.getpid()}"  # the whole machine is searched for it, with what other tests run there

    async def scenario(bench: Bench) -> None:
        bench.start(a_shell(script), unit)
        await bench.line()
        bench.runner.terminate(unit, "main")
        while "ignored" not in bench.lines():
            await bench.output()
        bench.runner.kill(unit, "main")
        assert (await bench.events.end(unit)).exit_code == 137
        bench.runner.kill(unit, "main")
        bench.runner.terminate(unit, "main")
        until(  # a killed process may take a moment to be gone
            lambda: all(proc.mark(pid) != (unit, "main") for pid in proc.everyone()), "its children are gone"
        )

    with_runner(tmp_path, scenario)


def test_daemons_are_killed(tmp_path: Path) -> None:
    """A double-forked daemon with closed pipes is dead when its container's end is reported."""

    async def scenario(bench: Bench) -> None:
        assert (await bench.run(a_python(DAEMONIZE))).exit_code == 0
        (daemon,) = bench.lines()
        until(lambda: is_dead(int(daemon)), "the daemon dies of its SIGKILL")

    with_runner(tmp_path, scenario)


def test_daemons_of_others_live_on(tmp_path: Path) -> None:
    """A container's end touches no daemon of another container, not even of the same unit."""

    async def scenario(bench: Bench) -> None:
        bench.start(a_python(DAEMONIZE + "time.sleep(600)", name="stays"))
        await bench.line()
        await bench.run(a_python(DAEMONIZE, name="goes"))
        stays, goes = map(int, bench.lines())
        assert not is_dead(stays)
        until(lambda: is_dead(goes), "the daemon of what has ended dies of its SIGKILL")
        bench.runner.kill("u1", "stays")
        await bench.events.end("u1", "stays")
        until(lambda: is_dead(stays), "so does the other's, when that has ended")

    with_runner(tmp_path, scenario)


def test_child_that_holds_the_pipe(tmp_path: Path) -> None:
    """A background child that keeps the pipe open does not keep its container from ending."""

    async def scenario(bench: Bench) -> None:
        assert (await bench.run(a_shell("sleep 600 & echo out"))).exit_code == 0
        assert bench.lines() == ["out"]

    with_runner(tmp_path, scenario)


def test_ten_megabytes(tmp_path: Path) -> None:
    """Ten megabytes come through whole and in order; while nobody takes them, little is held."""
    script = "import sys\nfor i in range(100_000): sys.stdout.write(f'{i:0>99}\\n')"

    async def scenario(bench: Bench) -> None:
        bench.start(a_python(script))
        held = 0
        while ("u1", "main") not in bench.events.ends:
            await bench.output()
            held = max(held, bench.logs.held)
            bench.lines()
        assert [int(line) for line in bench.lines()] == list(range(100_000))
        assert held < 6 * 2**20
        assert bench.logs.held == 0

    with_runner(tmp_path, scenario)


def test_nobody_takes_the_output(tmp_path: Path) -> None:
    """Without acknowledgements a writer stalls at the bound; nothing is lost when they come."""
    script = "import sys\nfor i in range(100_000): sys.stdout.write(f'{i:0>99}\\n')"

    async def scenario(bench: Bench) -> None:
        bench.start(a_python(script))
        while bench.logs.held < 4 * 2**20:
            await bench.output()
        assert bench.logs.held < 5 * 2**20
        while ("u1", "main") not in bench.events.ends:
            bench.lines()
            await bench.output()
        assert len(bench.lines()) == 100_000

    with_runner(tmp_path, scenario)


def test_ulimits(tmp_path: Path) -> None:
    """ulimits are in force when the command starts."""

    async def scenario(bench: Bench) -> None:
        limits = (Ulimit("nofile", 123, 456), Ulimit("core", 0, 0))
        await bench.run(a_shell("ulimit -Sn; ulimit -Hn; ulimit -Sc", ulimits=limits))
        assert bench.lines() == ["123", "456", "0"]
        end = await bench.run(a_container("main", "nosuch", ulimits=limits), "u2")
        assert end.reason == 'CannotStartContainerError: exec: "nosuch": executable file not found in $PATH'
        end = await bench.run(a_shell("true", ulimits=(Ulimit("noise", 1, 1),)), "u3")
        assert end.reason == "CannotStartContainerError: unknown ulimit noise"

    with_runner(tmp_path, scenario)


def test_memory_limit(tmp_path: Path) -> None:
    """A container that holds more than its memory is killed with ECS's reason; its neighbour is not."""
    hog = "import time; data = b'x' * (200 * 2**20); print('full', flush=True); time.sleep(600)"

    async def scenario(bench: Bench) -> None:
        bench.start(a_python("import time; time.sleep(600)", name="small", memory_mib=64))
        end = await bench.run(a_python(hog, memory_mib=64))
        assert (end.exit_code, end.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")
        assert ("u1", "small") not in bench.events.ends
        bench.runner.kill("u1", "small")
        assert (await bench.events.end("u1", "small")).reason == ""

    with_runner(tmp_path, scenario)


def test_memory_of_children_counts(tmp_path: Path) -> None:
    """Processes of one container share its limit, also one that left the session."""
    hog = "import os, time; os.setsid(); data = b'x' * (100 * 2**20); time.sleep(600)"
    script = f"import subprocess; subprocess.run([{PYTHON!r}, '-c', {hog!r}])"

    async def scenario(bench: Bench) -> None:
        assert (await bench.run(a_python(script, memory_mib=64))).exit_code == 137

    with_runner(tmp_path, scenario)


def test_two_hundred_at_once(tmp_path: Path) -> None:
    """200 containers started in one go all end with their own exit code and output."""

    async def scenario(bench: Bench) -> None:
        for i in range(200):
            bench.start(a_shell(f"echo {i}; exit {i % 3}"), f"u{i}")
        await bench.events.until(lambda: len(bench.events.ends) == 200)
        assert sorted(map(int, bench.lines())) == list(range(200))
        assert {u: e.exit_code for (u, _), e in bench.events.ends.items()} == {
            f"u{i}": i % 3 for i in range(200)
        }

    with_runner(tmp_path, scenario)


def test_user(tmp_path: Path) -> None:
    """Root runs a container as the user it names, with or without limits; others refuse it."""

    async def scenario(bench: Bench) -> None:
        if os.geteuid() == 0:
            await bench.run(a_shell("id -u; id -g; id -G; touch mine", user="1234:4321"))
            await bench.run(
                a_shell("id -u; id -g; id -G", user="1234:4321", ulimits=(Ulimit("nofile", 50, 60),)), "u2"
            )
            await bench.run(a_shell("id -un", user="nobody"), "u3")
            assert bench.lines() == ["1234", "4321", "4321", "1234", "4321", "4321", "nobody"]
        else:
            end = await bench.run(a_shell("id", user="1"))
            assert end.reason.endswith("this agent does not run as root, so it cannot change the user")
        end = await bench.run(a_shell("id", user="no-such-user"), "u4")
        assert end.reason == (
            "CannotStartContainerError: unable to find user no-such-user: no matching entry in passwd file"
        )

    with_runner(tmp_path, scenario)
