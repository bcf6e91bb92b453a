"""`windlass`: the commands and their options. What they do is in the modules beside this one."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from windlass import __version__
from windlass.cli import batch, calibrate, chaos, functions, fuzz, images, instances, plan, traffic
from windlass.cli.admin_client import Unreachable, default_endpoint
from windlass.cli.output import AsJson, fail

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(images.app, name="image")
app.add_typer(instances.app, name="instance")
app.add_typer(chaos.app, name="chaos")
app.add_typer(functions.app, name="lambda")
app.add_typer(traffic.app, name="traffic")
app.add_typer(batch.app, name="batch")
app.command()(plan.plan)
app.command()(calibrate.calibrate)
app.command()(fuzz.fuzz)
agent_app = typer.Typer(help="Agents on this machine.", invoke_without_command=True)
app.add_typer(agent_app, name="agent")

Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]


class Runner(StrEnum):
    auto = "auto"
    process = "process"
    oci = "oci"
    docker = "docker"


class Proxy(StrEnum):
    builtin = "builtin"
    haproxy = "haproxy"


class Auth(StrEnum):
    open = "open"
    sigv4 = "sigv4"


class LogFormat(StrEnum):
    text = "text"
    json = "json"


class Demo(StrEnum):
    backlog = "backlog"
    rollout = "rollout"
    cold_start = "cold-start"
    concurrency = "concurrency"
    batch = "batch"
    traffic = "traffic"


def _print_version(asked: bool) -> None:
    if asked:
        print(f"windlass {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An AWS compute plane for your own machines."""


@app.command()
def up(
    data: Annotated[str, typer.Option(help="Where state is kept; 'memory' keeps nothing.")] = ".windlass",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)
    ] = 4566,
    profile: Annotated[
        str, typer.Option(help="Quotas and delays: local, aws, aws-2022, or a file.")
    ] = "local",
    runner: Annotated[Runner, typer.Option(help="What runs tasks.")] = Runner.auto,
    auth: Annotated[Auth, typer.Option(help="open accepts any credentials; sigv4 verifies.")] = Auth.open,
    agent: Annotated[bool, typer.Option(help="Run an agent on this machine.")] = True,
    log_format: Annotated[LogFormat, typer.Option(help="Format of the plane's own log.")] = LogFormat.text,
    allow_reset: Annotated[bool, typer.Option(help="Allow POST /_windlass/reset.")] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Serve TLS with this certificate (PEM, with its chain).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")] = None,
    proxy: Annotated[Proxy, typer.Option(help="What serves load balancers.")] = Proxy.builtin,
    proxy_workers: Annotated[
        int, typer.Option(help="How many processes (haproxy: threads) serve load balancers.", min=1, max=64)
    ] = 1,
) -> None:
    """Start a plane; prints one line when it serves, stops cleanly on Ctrl-C."""
    from windlass.config import Settings, Unusable, check_settings
    from windlass.early_agent import early_agent

    settings = Settings(
        data=None if data == "memory" else Path(data).resolve(),
        host=host,
        port=port,
        profile=profile,
        runner=runner.value,
        auth=auth.value,
        agent=agent,
        log_format=log_format.value,
        allow_reset=allow_reset,
        tls_certificate=tls_cert,
        tls_key=tls_key,
        proxy=proxy.value,
        proxy_workers=proxy_workers,
    )
    try:
        check_settings(settings)
        with early_agent(settings) as starting:
            from windlass.app import run

            code = run(settings, _say, starting)
    except Unusable as error:
        fail(str(error), 2)
    raise SystemExit(code)


@app.command()
def demo(
    name: Annotated[Demo, typer.Argument(help="Which story to run.")],
    runner: Annotated[Runner, typer.Option(help="What runs tasks.")] = Runner.auto,
    containers: Annotated[int, typer.Option(min=2, max=10, help="backlog: how many a task.")] = 10,
    tasks: Annotated[int, typer.Option(min=4, max=1_000, help="rollout: how many tasks.")] = 200,
    starts: Annotated[int, typer.Option(min=2, max=100, help="cold-start: how many.")] = 20,
    requests: Annotated[int, typer.Option(min=11, max=200, help="concurrency: how many at once.")] = 50,
    frames: Annotated[int, typer.Option(min=30, max=10_000, help="batch: how many.")] = 500,
    rate: Annotated[
        float, typer.Option(min=0.5, max=100, help="traffic: requests a second; ten times that in the burst.")
    ] = 5,
    seconds: Annotated[
        tuple[float, float, float], typer.Option(help="traffic: of ramp, burst and silence.")
    ] = (60, 240, 120),
    html: Annotated[Path | None, typer.Option(help="traffic: a page with charts.")] = None,
) -> None:
    """Run a real scenario end to end on a plane of its own and tell its story."""
    from windlass.cli.demos import backlog, batch, cold_start, concurrency, rollout, traffic

    match name:
        case Demo.rollout:
            code = rollout.run(runner.value, tasks)
        case Demo.cold_start:
            code = cold_start.run(runner.value, starts)
        case Demo.concurrency:
            code = concurrency.run(runner.value, requests)
        case Demo.traffic:
            code = traffic.run(runner.value, rate=rate, seconds=seconds, page=html)
        case Demo.batch:
            code = batch.run(runner.value, frames)
        case _:
            code = backlog.run(runner.value, containers)
    raise SystemExit(code)


@app.command()
def status(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """What the plane is, and how it is."""
    from windlass.cli import inspect

    inspect.status(endpoint, as_json)


@app.command()
def ps(
    endpoint: Endpoint,
    services: Annotated[
        bool, typer.Option("--services", help="Services instead, and what they wait for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The units that exist: tasks, by service and deployment, function environments, attempts of jobs."""
    from windlass.cli import ps as units

    (units.services if services else units.ps)(endpoint, as_json)


@app.command()
def top(
    endpoint: Endpoint,
    once: Annotated[bool, typer.Option("--once", help="Print one frame, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch clusters, roll-outs, launch rates and events; q or Ctrl-C ends."""
    from windlass.cli import top as watching

    watching.top(endpoint, once, as_json)


@app.command()
def why(
    subject: Annotated[
        str,
        typer.Argument(
            help="Task or job, by id (eight digits are enough), ARN or name; a service; or a function."
        ),
    ],
    endpoint: Endpoint,
    as_json: AsJson = False,
) -> None:
    """What a task, a service, a job of Batch or a function waits for."""
    from windlass.cli import waits

    waits.why(endpoint, subject, as_json)


@app.command()
def logs(
    unit: Annotated[str, typer.Argument(help="Task id or ARN, unit id, or function name.")],
    endpoint: Endpoint,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Output of a task or a function."""
    from windlass.cli import inspect

    inspect.logs(endpoint, unit, follow)


@app.command(context_settings={"ignore_unknown_options": True})
def exec(
    task: Annotated[str, typer.Argument(help="Task id or ARN.")],
    command: Annotated[list[str], typer.Argument(help="What to run; no shell reads it.")],
    endpoint: Endpoint,
    container: Annotated[str | None, typer.Option(help="Needed when the task has several.")] = None,
    cluster: Annotated[str | None, typer.Option(help="The task's cluster; found by itself.")] = None,
) -> None:
    """Run a command in a container of a running task: windlass exec TASK --container app -- sh -c ls"""
    from windlass.cli import exec as execute

    raise SystemExit(execute.exec(endpoint, task, container, cluster, command))


@app.command()
def events(
    endpoint: Endpoint,
    about: Annotated[str, typer.Argument(help="Only about this task, service or node.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the plane decided, and why."""
    from windlass.cli import inspect

    inspect.events(endpoint, about, follow, as_json)


@app.command()
def coverage(
    services: Annotated[list[str] | None, typer.Argument(help="Services; all when none is named.")] = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option(help="Print docs/coverage.md.")] = False,
) -> None:
    """Per operation: full, partial (and what is missing), or none. Needs no running plane."""
    from windlass.cli import inspect

    inspect.show_coverage(services or [], as_json, markdown)


@app.command()
def quotas(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """The profile's quotas, rates and delays, what was granted on top, and buckets that are not full."""
    from windlass.cli import inspect

    inspect.quotas(endpoint, as_json)


@agent_app.callback()
def agent(
    context: typer.Context,
    join: Annotated[
        str | None, typer.Option(metavar="URL", help="Be a machine of the plane there (ECS Anywhere).")
    ] = None,
    activation: Annotated[
        str, typer.Option(metavar="ID:CODE", help="From ssm create-activation; needed the first time.")
    ] = "",
    cluster: Annotated[str, typer.Option(help="ECS cluster to be a container instance of.")] = "default",
    data: Annotated[Path, typer.Option(help="This agent's directory.")] = Path(".windlass"),
    runner: Annotated[Runner, typer.Option(help="What runs tasks.")] = Runner.auto,
    ca: Annotated[
        Path | None, typer.Option(help="Authority that signed the plane's certificate (PEM), if your own.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A custom attribute; may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the machine is called in SSM.")] = "",
) -> None:
    """Run an agent that joins a plane on another machine; tasks end with it on Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    if join is None:
        fail("give --join URL, or a command; see windlass agent --help", 2)
    from windlass.cli.joining import become_agent

    become_agent(
        data.resolve(),
        join,
        "process" if runner is Runner.auto else runner.value,
        activation=activation,
        cluster=cluster,
        name=name,
        authority=ca,
        attributes=attribute or (),
    )


@agent_app.command()
def doctor(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is left over.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Only what belongs to this data directory of a plane.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find and remove what agents left of tasks and nobody looks after. Exit code 1: some is left."""
    from windlass.cli import agents

    raise SystemExit(agents.doctor(data, not dry_run, as_json))


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Entry point of `windlass`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode gets ? and no traceback
            stream.reconfigure(errors="replace")
    try:
        app()
    except Unreachable as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
