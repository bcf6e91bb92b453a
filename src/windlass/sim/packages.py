"""The code of simulated functions: nothing of it runs, but the plane takes no function without."""

from __future__ import annotations

import io
import zipfile


def _made() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        package.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context): pass\n")
    return data.getvalue()


ANY_PACKAGE = _made()
"""A zip file with one module, `app`."""
