"""`python -m bench [NAME …]`: a table on stdout, JSON in bench/results/."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from pathlib import Path

from bench.result import Result

FILES = (
    "startup",
    "sqs",
    "lambda_sqs",
    "run_task",
    "placement",
    "routing",
    "traffic",
    "batch_plan",
    "batch",
    "launch",
    "lambda",
    "keeper",
    "agent",
    "network",
    "services",
    "cross_check",
    "rollout_loss",
    "service_turns",
    "fairness",
    "sim",
    "units",
    "cloudwatch",
)


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(FILES))
    if unknown:
        print(f"no bench {unknown[0]!r}; there are {', '.join(FILES)}", file=sys.stderr)
        return 2
    found: list[Result] = []
    print(f"{'what':44} {'value':>12}    {'promise':>10} {'bare':>10} {'ratio':>7}  kept")
    for name in names or FILES:
        for result in importlib.import_module(f"bench.{name}").results():
            found.append(result)
            print(_line(result), flush=True)
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    about = {"python": platform.python_version(), "machine": platform.machine()}
    report = json.dumps({"about": about, "results": [r.as_json() for r in found]}, indent=2)
    (out / "latest.json").write_text(report + "\n")
    print(report)
    return 0


def _line(result: Result) -> str:
    promise = "" if result.promise is None else f"{'≥' if result.at_least else '≤'} {result.promise:g}"
    bare = "" if result.bare is None else f"{result.bare:.4g}"
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    kept = {None: "", True: "yes", False: "NO"}[result.kept]
    line = f"{result.name:44} {result.value:12.4g} {result.unit:3}{promise:>10} {bare:>10} {ratio:>7}  {kept}"
    return f"{line}  ({result.note})" if result.note else line


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
