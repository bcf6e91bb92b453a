"""libnftables, in this process: a transaction of nft commands costs a tenth of a millisecond, no process.

The library is the one that nft(8) itself is made of; its interface is libnftables(3).
"""

from __future__ import annotations

import ctypes
from functools import cache

from windlass.node.network import namespaces

LIBRARY = "libnftables.so.1"


class NftFailed(OSError):
    """The kernel or the library refused; nothing of the transaction was applied."""


def is_there() -> bool:
    """Whether this host has the library (Debian: libnftables1, Fedora: nftables)."""
    try:
        _library()
    except OSError:
        return False
    return True


class Nft:
    """Commands for the tables of one network namespace, which `namespace` holds; None: this thread's own."""

    def __init__(self, namespace: int | None = None) -> None:
        self._library = _library()
        if namespace is None:
            self._context = self._library.nft_ctx_new(0)
        else:
            with namespaces.inside(namespace):
                self._context = self._library.nft_ctx_new(0)
        self._namespace = namespace
        self._library.nft_ctx_buffer_error(self._context)
        self._library.nft_ctx_buffer_output(self._context)

    def run(self, commands: str) -> str:
        """Apply all or nothing; returns what `list` commands print. Raises NftFailed."""
        if not commands:
            return ""
        if self._namespace is None:
            return self._run(commands)
        with namespaces.inside(self._namespace):
            return self._run(commands)

    def close(self) -> None:
        self._library.nft_ctx_free(self._context)

    def _run(self, commands: str) -> str:
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        errors = self._library.nft_ctx_get_error_buffer(self._context)
        output = self._library.nft_ctx_get_output_buffer(self._context)
        if failed:
            said = (errors or b"nft failed without a word").decode(errors="replace").strip()
            raise NftFailed(said.splitlines()[0] if said else "nft failed without a word")
        return bytes(output or b"").decode(errors="replace")


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    context = ctypes.c_void_p
    library.nft_ctx_new.argtypes = (ctypes.c_uint32,)
    library.nft_ctx_new.restype = context
    library.nft_ctx_free.argtypes = (context,)
    library.nft_ctx_free.restype = None
    library.nft_run_cmd_from_buffer.argtypes = (context, ctypes.c_char_p)
    for name in ("nft_ctx_buffer_error", "nft_ctx_buffer_output"):
        getattr(library, name).argtypes = (context,)
    for name in ("nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer"):
        getattr(library, name).argtypes = (context,)
        getattr(library, name).restype = ctypes.c_char_p
    return library
