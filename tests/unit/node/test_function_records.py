"""What the platform says: records as the Telemetry API documents them, text as in AWS's logs."""

from __future__ import annotations

import pytest

from windlass.kernel.clock import MILLISECOND
from windlass.node import function_records as records
from windlass.node.function_records import PlatformEvent, Used, Verdict

MS = MILLISECOND
CRASH = Verdict("error", "Extension.X")


@pytest.mark.parametrize(
    ("event", "text", "level"),
    [
        (records.init_start("python:3.11.7", "", "init", "on-demand"),
         ("INIT_START Runtime Version: python:3.11.7\tRuntime Version ARN: windlass:python:3.11.7",), "INFO"),
        (records.init_start("python:3.11.7", "", "invoke", "on-demand"), (), "INFO"),
        (records.init_runtime_done("init", "on-demand", Verdict()), (), "DEBUG"),
        (records.init_report("init", "on-demand", Verdict(), 5 * MS), (), "DEBUG"),
        (records.init_report("init", "provisioned-concurrency", Verdict(), 5 * MS),
         ("INIT_REPORT Init Duration: 5.00 ms\tPhase: init\tStatus: success",), "DEBUG"),
        (records.init_report("invoke", "on-demand", CRASH, 1236 * MS),
         ("INIT_REPORT Init Duration: 1236.00 ms\tPhase: invoke\tStatus: error\tError Type: Extension.X",),
         "WARN"),
        (records.start("r", "7", ""), ("START RequestId: r Version: 7",), "INFO"),
        (records.runtime_done("r", Verdict("timeout"), MS, 0, ""), (), "WARN"),
        (records.report("r", Verdict(), Used(MS + 1, 0, 128, 36), ""),
         ("END RequestId: r", "REPORT RequestId: r\tDuration: 1.00 ms\tBilled Duration: 2 ms\t"
          "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"), "INFO"),
        (records.report("r", CRASH, Used(MS, 9 * MS, 128, 400), ""),
         ("END RequestId: r", "REPORT RequestId: r\tDuration: 1.00 ms\tBilled Duration: 10 ms\t"
          "Memory Size: 128 MB\tMax Memory Used: 128 MB\tInit Duration: 9.00 ms\t"
          "Status: error\tError Type: Extension.X\t"), "WARN"),
        (records.extension("e", "Ready", ("INVOKE", "SHUTDOWN")),
         ("EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE,SHUTDOWN]",), "INFO"),
        (records.extension("e", "LaunchError", (), "PermissionDenied"),
         ("EXTENSION\tName: e\tState: LaunchError\tEvents: []\tError Type: PermissionDenied",), "WARN"),
        (records.subscription("telemetry", "e", ("platform", "function")),
         ("TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function]",), "INFO"),
        (records.logs_dropped(3, 99), (), "WARN"),
    ],
)  # fmt: skip
def test_text_and_level(event: PlatformEvent, text: tuple[str, ...], level: str) -> None:
    """Text only where AWS's text logs have a line."""
    assert (event.text, records.level(event)) == (text, level)


def test_a_report() -> None:
    """Metrics in milliseconds and MB; the trace as X-Ray's header."""
    event = records.report("r", Verdict("timeout"), Used(3000 * MS, 0, 256, 40), "Root=1-2-3")
    assert (event.type, event.record) == ("platform.report", {
        "requestId": "r", "status": "timeout",
        "metrics": {
            "durationMs": 3000.0, "billedDurationMs": 3000, "memorySizeMB": 256, "maxMemoryUsedMB": 40,
        },
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-2-3"},
    })  # fmt: skip


def test_an_initialisation_that_failed() -> None:
    """The phase says whether it ran ahead of the event or inside of it."""
    event = records.init_report("invoke", "on-demand", CRASH, 1_500_000)
    assert event.record == {
        "initializationType": "on-demand", "phase": "invoke", "status": "error", "errorType": "Extension.X",
        "metrics": {"durationMs": 1.5},
    }  # fmt: skip
