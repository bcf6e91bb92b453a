"""`windlass calibrate`: a profile from the timings of one's own tasks. No plane is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from windlass.cli.output import fail

SIZE_MAX = 500_000_000
"""Bytes of all files together; ours."""


def calibrate(
    timings: Annotated[
        list[Path], typer.Argument(help="CSV files, or what aws ecs describe-tasks printed as JSON.")
    ],
    profile: Annotated[str, typer.Option(help="What is not fitted: local, aws, aws-2022.")] = "aws",
    out: Annotated[Path | None, typer.Option(help="Write the profile there, as TOML.")] = None,
    image_mb: Annotated[
        float | None, typer.Option(help="Compressed size of the images where the timings have none.", min=1)
    ] = None,
) -> None:
    """Fit the launch phases of a profile to observed timings of tasks."""
    from windlass.aws.quotas import BUILT_IN, load_profile
    from windlass.planner.calibration.calibrate import TooFew
    from windlass.planner.calibration.calibrate import calibrate as fitted
    from windlass.planner.calibration.timings import BadTimings, read

    if profile not in BUILT_IN:
        fail(f"a calibration extends a built-in profile: {', '.join(BUILT_IN)}, not {profile!r}", 2)
    try:
        if sum(path.stat().st_size for path in timings) > SIZE_MAX:
            fail(f"timings have at most {SIZE_MAX:,} bytes", 2)
        rows = [row for path in timings for row in read(path.read_text(encoding="utf-8-sig"), str(path))]
        if image_mb is not None:
            rows = [row if row.image_mb is not None else replace(row, image_mb=image_mb) for row in rows]
        found = fitted(rows, load_profile(profile), ", ".join(path.name for path in timings))
    except (BadTimings, TooFew) as error:
        fail(str(error), 2)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the timings cannot be read: {error}", 2)
    if out != Path("/dev/stdout"):
        print("\n".join(found.report()))
    if out is not None:
        out.write_text(found.toml())
