"""SIGKILL of the plane in the midst of App Runner's operations: they go on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import apprunner_build as build
from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]


def held(gate: Path, answer: str) -> dict[str, Any]:
    """A server that begins to serve once `gate` is there."""
    command = build.server(answer).replace("'", "'\\''")
    return build.an_image(
        f"sh -c 'echo $$ >> {gate}.pids; until [ -e {gate} ]; do sleep 0.1; done; exec {command}'"
    )


def test_operations_go_on_though_the_plane_is_killed(own_plane: Make, tmp_path: Path) -> None:
    """Killed while a service comes up, while it is updated, and while it is deleted."""
    plane = own_plane()
    arn = ""

    def apprunner() -> Any:
        return plane.client("apprunner", ACCOUNT)

    def service() -> dict[str, Any]:
        return dict(apprunner().describe_service(ServiceArn=arn)["Service"])

    def operations() -> list[tuple[str, str]]:
        found = apprunner().list_operations(ServiceArn=arn)["OperationSummaryList"]
        return [(one["Type"], one["Status"]) for one in found]

    def killed_while(gate: Path) -> None:
        """Its instance runs, and serves only when the plane has died and come back."""
        started = gate.with_name(f"{gate.name}.pids")
        until(started.exists, "an instance has started")
        plane.kill()
        plane.start()
        assert service()["Status"] == "OPERATION_IN_PROGRESS"
        gate.touch()
        until(lambda: service()["Status"] == "RUNNING", "the operation is over")
        assert len(started.read_text().split()) == 1, "no instance was started twice"

    first, second = tmp_path / "first", tmp_path / "second"
    made = apprunner().create_service(ServiceName="web-app", SourceConfiguration=held(first, "one"))
    arn = made["Service"]["ServiceArn"]
    killed_while(first)
    apprunner().update_service(ServiceArn=arn, SourceConfiguration=held(second, "two"))
    killed_while(second)
    assert operations() == [("UPDATE_SERVICE", "SUCCEEDED"), ("CREATE_SERVICE", "SUCCEEDED")]
    apprunner().delete_service(ServiceArn=arn)
    plane.kill()
    plane.start()
    until(lambda: service()["Status"] == "DELETED", "it is gone")
    assert operations()[0] == ("DELETE_SERVICE", "SUCCEEDED")
