"""What Docker's exec sends for pipes: frames, cut anywhere."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from windlass.node.docker_exec import Frames


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))), st.integers(1, 60))
def test_frames(parts: list[tuple[int, bytes]], size: int) -> None:
    """However the bytes are cut into reads, the payloads come whole and in order."""
    data = b"".join(struct.pack(">BxxxI", stream, len(payload)) + payload for stream, payload in parts)
    frames = Frames()
    found = [part for at in range(0, len(data), size) for part in frames.feed(data[at : at + size])]
    assert found == [payload for _, payload in parts]
