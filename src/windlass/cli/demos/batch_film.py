"""The programs of the batch demo's pipeline: plan a film, render a frame, join the frames, write a report.

`batch_film.py STEP DIRECTORY FRAMES UNLUCKY`, as the jobs of `windlass demo batch` call it; the standard
library alone. The film zooms into the Mandelbrot set: grey frames, joined to a file that video players read
(YUV4MPEG2).
"""

import json
import os
import sys
import time
from pathlib import Path

WIDTH, HEIGHT, DEPTH = 80, 60, 64
CENTRE = (-0.743643887, 0.131825904)
"""Where the zoom ends: a spiral at the set's edge."""
ZOOM = 0.985
"""By how much each frame is narrower than the one before."""
PER_SECOND = 25
HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{PER_SECOND}:1 Ip A1:1 Cmono\n".encode()
FRAME = b"FRAME\n"
TRY_AGAIN = 75
"""Exit code of a frame that could not be rendered this time (EX_TEMPFAIL of sysexits.h)."""


def split(film: Path, frames: int, unlucky: int) -> None:
    """Write what each frame shows. The unlucky one fails in its first two attempts."""
    for number in range(frames):
        scene = {"width": 3.2 * ZOOM ** (number * 300 / frames), "fails": 2 if number == unlucky else 0}
        (film / "scenes" / f"{number}.json").write_text(json.dumps(scene))


def frame(film: Path) -> int:
    """Render the frame that this child of the array stands for; returns the exit code."""
    number = int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"])
    scene = json.loads((film / "scenes" / f"{number}.json").read_text())
    if int(os.environ["AWS_BATCH_JOB_ATTEMPT"]) <= scene["fails"]:
        print(f"frame {number}: the renderer has no licence free now", flush=True)
        return TRY_AGAIN
    rendered = film / "frames" / f"{number}.part"
    rendered.write_bytes(picture(scene["width"]))
    rendered.rename(rendered.with_suffix(".grey"))
    return 0


def picture(width: float) -> bytes:
    """One frame: a byte for each point, the darker the longer it stays."""
    step = width / WIDTH
    left, top = CENTRE[0] - width / 2, CENTRE[1] - step * HEIGHT / 2
    points = (complex(left + step * x, top + step * y) for y in range(HEIGHT) for x in range(WIDTH))
    return bytes(255 - 4 * escapes(point) for point in points)


def escapes(point: complex) -> int:
    """After how many rounds it leaves the circle; DEPTH - 1 when it stays."""
    z = 0j
    for rounds in range(DEPTH):
        z = z * z + point
        if z.real * z.real + z.imag * z.imag > 4.0:
            return rounds
    return DEPTH - 1


def merge(film: Path, frames: int) -> None:
    """Join the frames, in order."""
    with (film / "film.y4m").open("wb") as joined:
        joined.write(HEADER)
        for number in range(frames):
            joined.write(FRAME + (film / "frames" / f"{number}.grey").read_bytes())


def report(film: Path) -> None:
    """Say what was made."""
    size = (film / "film.y4m").stat().st_size
    frames = (size - len(HEADER)) // (len(FRAME) + WIDTH * HEIGHT)
    told = {"frames": frames, "bytes": size}
    (film / "report.json").write_text(json.dumps(told))
    print(f"{frames} frames, {frames / PER_SECOND:.1f} s of film, {size} bytes", flush=True)


def main(step: str, film: Path, frames: int, unlucky: int) -> int:
    if step == "split":
        split(film, frames, unlucky)
    elif step == "frame":
        return frame(film)
    elif step == "merge":
        merge(film, frames)
    elif step == "report":
        report(film)
    elif step == "preview":
        picture(3.2)
    elif step == "hang":
        print("waiting for a file that never comes", flush=True)
        time.sleep(3_600)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
