"""Keepers: what a command gets through them, and what their directory says."""

from __future__ import annotations

import ast
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.node import keeper, proc
from windlass.node.command import Launch

SHOW = """
import os, sys
arguments = [os.fsencode(word) for word in sys.argv[1:]]
print(repr((os.getcwdb(), arguments, open("/proc/self/environ", "rb").read())))
"""
ODD_NAMES = """
PATH PWD IFS PPID OPTIND LINENO PS4 ENV _ HOME WINDLASS_KEEPER_1 WINDLASS_KEEPER_all spring.url -i ü * $(id)
LD_LIBRARY_PATH
"""
names = st.one_of(
    st.sampled_from(ODD_NAMES.split()),
    st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1),
)
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def kept(place: Path, launch: Launch) -> subprocess.Popen[bytes]:
    """Start the launch below a keeper with that new state file."""
    wrapped = keeper.wrap(launch, keeper.find_shell(), str(place), "")
    with place.open("w+b", buffering=0) as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        state.write(b"9\n")
        return subprocess.Popen(
            wrapped.argv, env=wrapped.environment, stdin=state, stdout=subprocess.PIPE, start_new_session=True
        )


def a_launch(*argv: str, directory: str = "/", **environment: str) -> Launch:
    return Launch(argv[0], argv, environment, directory)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environment=st.dictionaries(names, values, max_size=12), arguments=st.lists(values, max_size=4))
def test_command_gets_exactly_what_it_was_given(
    tmp_path: Path, environment: dict[str, str], arguments: list[str]
) -> None:
    """Any environment and any arguments arrive as they are; nothing in them is evaluated."""
    state = tmp_path / os.urandom(8).hex()
    argv = (sys.executable, "-I", "-S", "-c", SHOW, *arguments)
    process = kept(state, Launch(argv[0], argv, environment, str(tmp_path)))
    output, _ = process.communicate()
    where, words, variables = ast.literal_eval(output.decode())
    assert (where, words) == (os.fsencode(tmp_path), [os.fsencode(word) for word in arguments])
    pairs = (pair.partition(b"=") for pair in variables.split(b"\0")[:-1])
    assert {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs} == environment
    assert keeper.end(str(state)) is not None
    keeper.forget(str(state))
    assert not state.exists()


def test_no_value_is_seen_in_a_command_line() -> None:
    """Other users may read command lines, not environments."""
    launch = a_launch("/bin/true", SECRET="hush", **{"odd.secret": "hush"})
    wrapped = keeper.wrap(launch, "/bin/sh", "/state", "/go")
    assert not [word for word in wrapped.argv if "hush" in word]
    assert wrapped.environment == {
        "WINDLASS_KEEPER": "/state",
        "WINDLASS_KEEPER_1": "SECRET=hush",
        "WINDLASS_KEEPER_2": "odd.secret=hush",
    }


def test_found_at_each_stage(tmp_path: Path) -> None:
    """1. Nothing. 2. A file that no keeper got. 3. A keeper. 4. An ended command. 5. A killed keeper."""
    state = tmp_path / "state"
    assert keeper.find(str(state)) is None
    state.write_text("9\n")
    assert keeper.find(str(state)) is None

    process = kept(state, a_launch("/bin/sh", "-c", "echo up; ls -l /proc/self/fd | wc -l; exec sleep 600"))
    assert process.stdout is not None
    assert (process.stdout.readline(), process.stdout.readline()) == (b"up\n", b"5\n")
    found = keeper.find(str(state))
    assert found == keeper.Found(process.pid, 9, True)
    assert keeper.end(str(state)) is None
    [command] = proc.children_of(process.pid)
    assert keeper.command_of(process.pid) == command
    os.kill(command, signal.SIGKILL)
    process.communicate()
    end = keeper.end(str(state))
    assert keeper.find(str(state)) == keeper.Found(process.pid, 9, False)
    assert end is not None
    assert end.exit_code == 137
    state.write_text(f"9\n{process.pid}\n")
    assert keeper.find(str(state)) == keeper.Found(process.pid, 9, False)
    assert keeper.end(str(state)) is None


def test_a_command_that_signals_its_group(tmp_path: Path) -> None:
    """`kill 0` reaches the keeper too, which says how the command ended all the same."""
    process = kept(tmp_path / "state", a_launch("/bin/sh", "-c", "kill -TERM 0"))
    process.communicate()
    end = keeper.end(str(tmp_path / "state"))
    assert end is not None
    assert end.exit_code == 143


def test_half_written_end(tmp_path: Path) -> None:
    """Only whole lines count."""
    for text in ("", "9", "9\n77", "9\n77\n", "9\n77\n14"):
        (tmp_path / "keeper").write_text(text)
        assert keeper.end(str(tmp_path / "keeper")) is None
    (tmp_path / "keeper").write_text("9\n77\n143\n")
    end = keeper.end(str(tmp_path / "keeper"))
    assert end is not None
    assert end.exit_code == 143
