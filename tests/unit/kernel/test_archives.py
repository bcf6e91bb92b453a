"""Which members of an archive are taken, and that none of them leaves its directory."""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.archives import Member, Unfit, leads_out, members, reaches_out


def a_package(*entries: tuple[str | zipfile.ZipInfo, str]) -> zipfile.ZipFile:
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w") as package:
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in entries:
            package.writestr(name, content)
    return zipfile.ZipFile(data)


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    return found


def link(name: str) -> zipfile.ZipInfo:
    return entry(name, stat.S_IFLNK | 0o777)


def shown(found: list[Member]) -> list[tuple[str, str, str]]:
    return [("/".join(member.parts), member.kind, member.target) for member in found]


def test_a_member_without_a_name() -> None:
    """Of a zip whose names were damaged: nothing, as the archive's own directory is."""
    assert shown(members(a_package((zipfile.ZipInfo("\0"), "x"), ("app.py", "")))) == [("app.py", "file", "")]


def test_folders_then_files_then_links() -> None:
    """Each path once, of several members the last; execute bits are kept, nothing else of the mode."""
    found = members(
        a_package(
            (link("bin/python"), "python3"),
            ("./app.py", "old"),
            ("lib/", ""),
            ("app.py", "new"),
            (entry("bin/python3", stat.S_IFREG | 0o4751), "#!"),
        )
    )
    assert shown(found) == [
        ("lib", "folder", ""),
        ("app.py", "file", ""),
        ("bin/python3", "file", ""),
        ("bin/python", "link", "python3"),
    ]
    assert [oct(member.execute_bits) for member in found[1:3]] == ["0o0", "0o111"]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ((("../evil", ""),), "leaves its directory"),
        ((("/etc/evil", ""),), "has an absolute path"),
        ((("C:/evil", ""),), "has an absolute path"),
        ((("a\\..\\evil", ""),), "leaves its directory"),
        (((entry("pipe", stat.S_IFIFO | 0o644), ""),), "is a special file"),
        (((link("out"), "/etc/passwd"),), "is a link with an absolute target"),
        (((link("a/out"), "../../etc"),), "is a link that leads out"),
        (((link("out"), "a/../../etc"),), "is a link that leads out"),
        (((link("out"), ""),), "is a link without a usable target"),
        (((link("out"), "a/" * 2000),), "is a link without a usable target"),
        (((link("out"), "in"), ("out/x", "")), "is a link and a folder"),
        ((("a", ""), ("a/b", "")), "is a file and a folder"),
        ((("n" * 256, ""),), "has a longer name than file systems take"),
    ],
)
def test_what_is_not_taken(entries: tuple[tuple[str | zipfile.ZipInfo, str], ...], problem: str) -> None:
    """Each with a sentence that names the member."""
    with pytest.raises(Unfit, match=problem):
        members(a_package(("app.py", ""), *entries))


NAMES = st.sampled_from(["a", "b", "..", ".", "", "c.py"])


@given(st.lists(NAMES, min_size=1, max_size=6))
def test_no_accepted_name_leaves(parts: list[str]) -> None:
    """A name that is let through stays below its root however it is joined."""
    name = "/".join(parts)
    if name and not reaches_out(name):
        assert posixpath.normpath("/root/" + name).startswith("/root")


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("ab"), min_size=1, max_size=3), st.lists(NAMES, max_size=5)))
)
def test_no_accepted_links_lead_out_together(links: list[tuple[list[str], list[str]]]) -> None:
    """However links lead through one another, the file system resolves each to a place inside."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve() / "root"
        root.mkdir()
        for parts, target in links:
            path = root.joinpath(*parts)
            beneath = any(parent.is_symlink() for parent in path.parents)
            if leads_out(tuple(parts), "/".join(target)) or beneath or os.path.lexists(path):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to("/".join(target))
        for path in root.rglob("*"):
            if path.is_symlink() and path.exists():
                assert path.resolve().is_relative_to(root)
