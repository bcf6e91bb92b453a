"""The agent's memory on disk, and what a new agent makes of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from windlass.fleet.messages import ContainerSpec, ContainerState, UnitSpec, UnitState
from windlass.kernel.clock import WallClock
from windlass.node import proc, tenancy
from windlass.node.held import Progress, progress, resumed
from windlass.node.ledger import FileLedger, Record, load
from windlass.node.recover import kill_leftovers, stopped


def a_state(unit_id: str, status: str = "running", pid: int = 0) -> UnitState:
    return UnitState(unit_id, status, (ContainerState("main", status, pid=pid, started_at=1),))  # type: ignore[arg-type]


def test_last_record_counts(tmp_path: Path) -> None:
    """What was noted last of each unit is there after a restart; removed units are not."""
    ledger = FileLedger(tmp_path / "ledger")
    ledger.note([a_state("a", "pending"), a_state("b"), a_state("c")])
    ledger.note([a_state("a", "stopped")])
    ledger.remove(["b"])
    ledger.close()
    again = FileLedger(tmp_path / "ledger")
    assert again.records() == [Record("a", a_state("a", "stopped")), Record("c", a_state("c"))]
    again.close()


def test_specification_and_progress_are_kept(tmp_path: Path) -> None:
    """A unit's specification is written once, its progress with each state; what stopped needs neither."""
    spec = UnitSpec("a", "task", (ContainerSpec("main", command=("true",)),))
    done = Progress(terminated={"main": 5}, restarting={"main": 3}, over={"main": 77}, failures={"main": 2})
    ledger = FileLedger(tmp_path / "ledger")
    ledger.hold([(spec, a_state("a", "pending"))])
    ledger.note([a_state("a")], {"a": done})
    ledger.close()
    [record] = FileLedger(tmp_path / "ledger").records()
    assert record == Record("a", a_state("a"), spec=spec, progress=done)
    held = resumed(spec, a_state("a"), done)
    assert progress(held) == done
    ledger = FileLedger(tmp_path / "ledger")
    ledger.note([a_state("a", "stopped")])
    ledger.close()
    assert load(tmp_path / "ledger")["a"].spec is None


def test_torn_at_any_byte(tmp_path: Path) -> None:
    """Wherever an agent died while writing, all records before that one are read."""
    ledger = FileLedger(tmp_path / "ledger")
    ledger.note([a_state("a")])
    whole = (tmp_path / "ledger").stat().st_size
    ledger.note([a_state("b")])
    ledger.close()
    data = (tmp_path / "ledger").read_bytes()
    for size in range(whole, len(data)):
        (tmp_path / "torn").write_bytes(data[:size])
        assert list(load(tmp_path / "torn")) == ["a"]


def test_does_not_grow(tmp_path: Path) -> None:
    """Thousands of units that come and go leave a small file."""
    ledger = FileLedger(tmp_path / "ledger")
    for i in range(0, 60_000, 100):
        ids = [f"unit-{n}" for n in range(i, i + 100)]
        ledger.note(map(a_state, ids))
        ledger.remove(ids)
    ledger.close()
    assert (tmp_path / "ledger").stat().st_size < 5 * 2**20
    assert load(tmp_path / "ledger") == {}


def test_stopped_by_a_restart() -> None:
    """A unit that ran when its agent died: stopped, exit code unknown; one that had stopped: unchanged."""
    after = stopped(a_state("a", "running", pid=5), 9)
    assert (after.status, after.reason, after.stopped_at) == ("stopped", "Host agent restarted", 9)
    assert (after.containers[0].status, after.containers[0].exit_code) == ("stopped", None)
    done = a_state("b", "stopped")
    assert stopped(done, 9) is done


def test_leftovers_are_found(tmp_path: Path) -> None:
    """Killed: processes with a unit's mark, and a main process that cleared its environment; no other."""

    def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
        script = "print(flush=True); import time; time.sleep(600)"
        child = subprocess.Popen(
            [sys.executable, "-c", script], env=environment, start_new_session=True, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        return child

    mine = f"mine-{os.getpid()}"  # the whole machine is searched for it, other tests' processes too
    marked, bare, other = start({proc.UNIT_MARK: mine}), start({}), start({proc.UNIT_MARK: "other"})
    ledger = FileLedger(tmp_path / "ledger")
    ledger.note([a_state(mine, pid=bare.pid)])
    records = [*ledger.records(), Record("old", a_state("old"), ((other.pid, 12345),))]
    ledger.close()

    async def reap_and_kill() -> int:
        # These are this process's children, unlike a dead agent's: somebody has to reap them.
        loop = asyncio.get_running_loop()
        reaped = [loop.run_in_executor(None, child.wait) for child in (marked, bare)]
        count = await kill_leftovers(records, WallClock())
        await asyncio.gather(*reaped)
        return count

    assert asyncio.run(reap_and_kill()) == 2
    assert other.poll() is None
    other.kill()
    other.wait()
    for child in (marked, bare, other):
        assert child.stdout is not None
        child.stdout.close()


def test_one_agent_per_directory(tmp_path: Path) -> None:
    """A directory has one tenant; the next learns whether the last lived right here or in the original."""
    lock, at_home = tenancy.move_in(tmp_path, "n1", tmp_path / "s")
    assert at_home and tenancy.is_taken(tmp_path)
    assert tenancy.tenant(tmp_path) == tenancy.Tenant(
        os.getpid(), "n1", str(tmp_path / "s"), f"{tmp_path.stat().st_dev}:{tmp_path.stat().st_ino}"
    )
    try:
        tenancy.move_in(tmp_path, "n2", tmp_path / "s")
        raise AssertionError("two tenants")
    except tenancy.Taken:
        pass
    os.close(lock)
    assert not tenancy.is_taken(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "agent.json").write_bytes((tmp_path / "agent.json").read_bytes())
    lock, at_home = tenancy.move_in(copy, "n1", tmp_path / "s")
    assert not at_home
    os.close(lock)
