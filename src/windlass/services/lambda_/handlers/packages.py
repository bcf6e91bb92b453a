"""The zip file of a request: checked, stored, named by its content. For functions and layers alike."""

from __future__ import annotations

from functools import partial

from windlass.aws.calls import Call, Params
from windlass.kernel.faults import Retry
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.package import Package, check_package, invalid
from windlass.services.lambda_.settings import refuse_foreign_code


async def take_package(call: Call, content: Params, missing: str) -> Package:
    """Check and store what is in ZipFile; `missing` is what a request without any is told."""
    refuse_foreign_code(content)
    data: bytes | None = content.get("ZipFile")
    if data is None:
        raise invalid(missing)
    packages = call.part(CodeStore)
    unpacked_size = await packages.aside(partial(check_package, data))
    try:
        sha256 = await packages.aside(partial(packages.put, data))
    except OSError as error:
        raise Retry(f"the package could not be stored: {error}") from error
    return Package(sha256, len(data), unpacked_size)
