"""Which packages a node keeps: unpacked once, shared, dropped when nobody uses them and room is short."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.unit.node.function_world import a_package
from windlass.fleet.function_messages import Package
from windlass.node.function_code import BadCode
from windlass.node.function_packages import UNUSED_LIFE, Packages


def a_layer(directory: Path, name: str, files: dict[str, str]) -> Package:
    archive = a_package(directory / name, files)
    return Package(hashlib.sha256(archive.read_bytes()).hexdigest(), str(archive))


def a_function(directory: Path, text: str, *layers: Package) -> tuple[Package, ...]:
    return (a_layer(directory, "code.zip", {"app.py": text}), *layers)


def test_unpacked_once_however_many_ask(tmp_path: Path) -> None:
    """Ten environments at once share one directory; two layers make one, one layer is itself."""

    async def story() -> None:
        packages = Packages(tmp_path / "code", lambda: 0)
        one = a_layer(tmp_path, "1.zip", {"bin/a": "1", "both": "1"})
        two = a_layer(tmp_path, "2.zip", {"bin/b": "2", "both": "2"})
        function = a_function(tmp_path, "x", one, two)
        found = await asyncio.gather(*(packages.open(f"u{i}", function) for i in range(10)))
        assert len(set(found)) == 1 and (found[0].task / "app.py").read_text() == "x"
        assert found[0].layers is not None and (found[0].layers / "both").read_text() == "2"
        assert len(list((tmp_path / "code").iterdir())) == 4
        single = await packages.open("u", a_function(tmp_path, "x", one))
        assert single.layers == tmp_path / "code" / one.sha256

    asyncio.run(story())


def test_what_nobody_uses_makes_room(tmp_path: Path) -> None:
    """Over the room the one unused longest goes, never one in use; what is old goes in any case."""
    now = [0]

    async def story() -> None:
        packages = Packages(tmp_path / "code", lambda: now[0], room_bytes=250)
        roots: list[Path] = []

        async def use(text: str, *, close: bool = True) -> Path:
            now[0] += 1
            found = await packages.open(f"u{now[0]}", a_function(tmp_path, text * 100))
            if close:
                packages.close(f"u{now[0]}")
            return found.task

        roots = [await use("a", close=False), await use("b"), await use("c")]
        assert [root.exists() for root in roots] == [True, False, True]
        again = await use("b")
        assert again.exists() and [root.exists() for root in roots] == [True, True, False]
        now[0] += UNUSED_LIFE
        await use("d", close=False)
        assert [root.exists() for root in roots] == [True, False, False]

    asyncio.run(story())


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    """The archive was not there: the next start tries again."""

    async def story() -> None:
        packages = Packages(tmp_path / "code", lambda: 0)
        function = a_function(tmp_path, "x")
        content = Path(function[0].path).read_bytes()
        Path(function[0].path).unlink()
        with pytest.raises(BadCode):
            await packages.open("u1", function)
        Path(function[0].path).write_bytes(content)
        assert (await packages.open("u2", function)).task.is_dir()

    asyncio.run(story())
