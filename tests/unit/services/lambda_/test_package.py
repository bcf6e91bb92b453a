"""Which bytes are a deployment package."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import ZIP_BYTES_MAX
from windlass.services.lambda_.package import check_package

NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


def a_zip(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members:
            package.writestr(name, content)
    return data.getvalue()


def a_link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def refused(data: bytes) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        check_package(data)
    return caught.value.code, caught.value.message


def test_a_package_is_taken() -> None:
    """Files, folders, dots in names, links inside; the bytes that they unpack to are counted."""
    members = [("app.py", b"x"), ("lib/", b""), ("lib/a..b.py", b"y"), ("...", b""), (a_link("ln"), b"lib")]
    assert check_package(a_zip(*members)) == 5


@pytest.mark.parametrize(
    "data", [b"no zip", b"PK\x05\x06", a_zip(("a", b"x" * 1000))[:-30]], ids=["text", "magic", "cut"]
)
def test_what_is_no_zip(data: bytes) -> None:
    """AWS's words for it."""
    assert refused(data) == ("InvalidParameterValueException", NOT_A_ZIP)


def test_broken_content() -> None:
    """The directory is fine, the data is not."""
    data = bytearray(a_zip(("a", bytes(range(256)) * 100)))
    data[60:80] = b"\xff" * 20
    assert refused(bytes(data)) == ("InvalidParameterValueException", NOT_A_ZIP)


@pytest.mark.parametrize("member", ["../evil", "a/../../evil", "/etc/evil", "..", a_link("link")])
def test_members_that_leave_their_directory(member: str | zipfile.ZipInfo) -> None:
    """Refused whole, with the member's name."""
    code, message = refused(a_zip(("app.py", b"x"), (member, b"/etc/passwd")))
    assert code == "InvalidParameterValueException" and message.startswith(NOT_A_ZIP + " (member ")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("a", "a/b"), "'a' is a file and a folder"),
        (("a/./b/c", "a//b"), "'a/b' is a file and a folder"),
        (("n" * 256,), "has a longer name than file systems take"),
        (("d/" * 1500 + "f",), "has a longer name than file systems take"),
    ],
)
def test_members_that_no_node_could_unpack(names: tuple[str, ...], problem: str) -> None:
    """Refused when the function is made, not when it is invoked."""
    assert problem in refused(a_zip(*((name, b"x") for name in names)))[1]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    """Good or broken: nothing is unpacked by them."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as package:
        package.writestr("app.py", b"x" * 1000)
    assert "another method" in refused(data.getvalue())[1]
    broken = bytearray(data.getvalue())
    broken[45:55] = b"\xff" * 10
    assert "another method" in refused(bytes(broken))[1]


def test_a_bomb() -> None:
    """260 KB that unpack to 263 million bytes; also when the directory lies about the size."""
    data = a_zip(("bomb", bytes(263_000_000)))
    expected = ("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")
    assert refused(data) == expected
    lying = data.replace((263_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != data
    assert refused(lying)[0] == "InvalidParameterValueException"


def test_sizes_of_the_zip_itself() -> None:
    """Nothing, and more than 50 MB."""
    assert refused(b"")[1] == "Uploaded file must be a non-empty zip"
    assert refused(b"PK\5\6" + bytes(18))[1] == "Uploaded file must be a non-empty zip"
    code, message = refused(bytes(ZIP_BYTES_MAX + 1))
    assert (code, message) == (
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )


@given(st.binary(max_size=300))
def test_garbage_never_crashes(data: bytes) -> None:
    """Any bytes: taken, or refused with a Fault."""
    try:
        check_package(data)
    except Fault as fault:
        assert fault.code == "InvalidParameterValueException"
