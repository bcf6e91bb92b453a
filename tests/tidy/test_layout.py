"""The build fails when the layout rules of docs/architecture.md are broken: an `ast` walk over src/."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "windlass"
FILES = sorted(SRC.rglob("*.py"))
Trees: TypeAlias = dict[Path, ast.Module]

FILE_LINES_MAX = 500
TEST_FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 60

LAYERS = ("kernel", "aws", "fleet", "services", "front", "app")
ROOTS = {
    "app",
    "embedded",
    "early_agent",
    "proxied",
    "node.main",
    "proxy.main",
    "sim",
    "planner",
    "cli",
    "config",
}
"""Composition roots (and the settings and command line around them) may see everything."""
PLANNER_FOLDERS = (
    "live",
    "template",
    "calibration",
    "scenario",
    "costs",
    "spread",
    "playing",
    "pages",
    "results",
    "planning",
)
"""Each sees only those before it, and itself."""
NODE_MAY_SEE = (
    "kernel",
    "fleet.messages",
    "fleet.exec_messages",
    "fleet.function_messages",
    "fleet.task_messages",
    "fleet.networks",
    "fleet.frames",
    "node",
)

PROXY_MAY_SEE = (
    "kernel",
    "fleet.proxy_messages",
    "fleet.frames",
    "node.network.namespaces",
    "node.tenancy",
    "proxy",
)
"""Of node/: what enters a network namespace, and what keeps a directory to one process."""

PURE = (
    "aws/arn.py",
    "aws/capacity_plan.py",
    "aws/certificate_pem.py",
    "aws/check.py",
    "aws/container_secrets.py",
    "aws/endpoint_names.py",
    "aws/eventstream.py",
    "aws/fargate_sizes.py",
    "aws/glob.py",
    "aws/java_regex.py",
    "aws/metric_points.py",
    "aws/metrics.py",
    "aws/pattern.py",
    "aws/regex_cost.py",
    "aws/rest_table.py",
    "aws/route.py",
    "aws/schedule.py",
    "aws/session_channel.py",
    "aws/session_message.py",
    "aws/sigv4.py",
    "aws/step_scaling.py",
    "aws/target_tracking.py",
    "aws/wire.py",
    "cli/bars.py",
    "cli/demos/traffic_costs.py",
    "cli/demos/traffic_page.py",
    "cli/top_frame.py",
    "fleet/capabilities.py",
    "fleet/container_shapes.py",
    "fleet/desired.py",
    "fleet/exec_messages.py",
    "fleet/function_messages.py",
    "fleet/kinds.py",
    "fleet/log_options.py",
    "fleet/messages.py",
    "fleet/networks.py",
    "fleet/place.py",
    "fleet/proxy_messages.py",
    "fleet/reasons.py",
    "fleet/room.py",
    "fleet/spot.py",
    "fleet/strategies.py",
    "fleet/task_messages.py",
    "fleet/tokens.py",
    "fleet/transitions.py",
    "fleet/user_data.py",
    "kernel/archives.py",
    "kernel/bucket.py",
    "kernel/cycles.py",
    "kernel/linear_regex.py",
    "kernel/machine.py",
    "node/docker_spec.py",
    "node/function_lines.py",
    "node/function_log_format.py",
    "node/function_outcome.py",
    "node/function_phases.py",
    "node/function_records.py",
    "node/function_settings.py",
    "node/function_subscriptions.py",
    "node/function_users.py",
    "node/health.py",
    "node/held.py",
    "node/images/challenge.py",
    "node/images/cleanup.py",
    "node/images/config.py",
    "node/images/manifests.py",
    "node/images/policy.py",
    "node/images/reference.py",
    "node/images/settings.py",
    "node/multiline.py",
    "node/network/addressing.py",
    "node/network/files.py",
    "node/network/firewall.py",
    "node/network/groups.py",
    "node/network/jobs.py",
    "node/network/names.py",
    "node/oci_capabilities.py",
    "node/oci_reason.py",
    "node/oci_rootless.py",
    "node/oci_seccomp.py",
    "node/oci_spec.py",
    "node/oci_users.py",
    "node/plan.py",
    "node/sandbox.py",
    "node/spool_format.py",
    "node/task_metadata.py",
    "node/task_room.py",
    "planner/calibration/calibrate.py",
    "planner/calibration/fitting.py",
    "planner/calibration/timings.py",
    "planner/costs/cost.py",
    "planner/costs/prices.py",
    "planner/pages/bar_chart.py",
    "planner/pages/charts.py",
    "planner/playing/answers.py",
    "planner/playing/draws.py",
    "planner/playing/load.py",
    "planner/playing/partly.py",
    "planner/results/candidates.py",
    "planner/results/curves.py",
    "planner/results/figures.py",
    "planner/results/hot_spots.py",
    "planner/results/outcome.py",
    "planner/results/report.py",
    "planner/results/result_json.py",
    "planner/results/text.py",
    "planner/scenario/parameters.py",
    "planner/scenario/parts.py",
    "planner/scenario/quantity.py",
    "planner/scenario/reporting.py",
    "planner/scenario/sweep.py",
    "planner/scenario/workload.py",
    "planner/spread.py",
    "proxy/access_log.py",
    "proxy/answers.py",
    "proxy/counts.py",
    "proxy/framing.py",
    "proxy/haproxy_config.py",
    "proxy/haproxy_servers.py",
    "proxy/haproxy_stats.py",
    "proxy/headers.py",
    "proxy/pick.py",
    "proxy/pieces.py",
    "proxy/probe.py",
    "proxy/queue.py",
    "proxy/rewrite.py",
    "proxy/rules.py",
    "proxy/stickiness.py",
    "proxy/table.py",
    "services/application_autoscaling/kinds.py",
    "services/apprunner/builds/recipe.py",
    "services/apprunner/builds/repository.py",
    "services/apprunner/builds/runtimes.py",
    "services/apprunner/builds/unit.py",
    "services/apprunner/deployment.py",
    "services/apprunner/ends.py",
    "services/apprunner/faults.py",
    "services/apprunner/limits.py",
    "services/apprunner/metering.py",
    "services/apprunner/parameters.py",
    "services/apprunner/pools.py",
    "services/apprunner/replacing.py",
    "services/apprunner/scaling.py",
    "services/apprunner/tagging.py",
    "services/apprunner/transitions.py",
    "services/apprunner/unit.py",
    "services/autoscaling/plan.py",
    "services/autoscaling/recurrence.py",
    "services/autoscaling/transitions.py",
    "services/batch/arrays.py",
    "services/batch/container_rules.py",
    "services/batch/definition.py",
    "services/batch/describe_container.py",
    "services/batch/effective.py",
    "services/batch/environment_rules.py",
    "services/batch/faults.py",
    "services/batch/ledger.py",
    "services/batch/limits.py",
    "services/batch/log_configuration.py",
    "services/batch/machine_plan.py",
    "services/batch/node_rules.py",
    "services/batch/order.py",
    "services/batch/outcome.py",
    "services/batch/queue_rules.py",
    "services/batch/readiness.py",
    "services/batch/reasons.py",
    "services/batch/references.py",
    "services/batch/requirements.py",
    "services/batch/retries.py",
    "services/batch/shares.py",
    "services/batch/tagging.py",
    "services/batch/time_limits.py",
    "services/batch/transitions.py",
    "services/batch/unit.py",
    "services/batch/why_job.py",
    "services/cloudwatch/alarm.py",
    "services/cloudwatch/composite.py",
    "services/cloudwatch/datum.py",
    "services/cloudwatch/evaluate.py",
    "services/cloudwatch/expression.py",
    "services/cloudwatch/limits.py",
    "services/cloudwatch/packing.py",
    "services/cloudwatch/queries.py",
    "services/cloudwatch/statistics.py",
    "services/ec2/cidr.py",
    "services/ec2/filters.py",
    "services/ec2/instance_types.py",
    "services/ec2/launch_data.py",
    "services/ec2/permissions.py",
    "services/ec2/tagging.py",
    "services/ec2/zones.py",
    "services/ecs/backoff.py",
    "services/ecs/capacity.py",
    "services/ecs/circuit_breaker.py",
    "services/ecs/container_definition.py",
    "services/ecs/containers.py",
    "services/ecs/daemon.py",
    "services/ecs/departures.py",
    "services/ecs/deployment.py",
    "services/ecs/deployment_configuration.py",
    "services/ecs/express/configuration.py",
    "services/ecs/image_versions.py",
    "services/ecs/interface_slots.py",
    "services/ecs/launch.py",
    "services/ecs/managed_scaling.py",
    "services/ecs/pace.py",
    "services/ecs/placement.py",
    "services/ecs/query.py",
    "services/ecs/rebalancing.py",
    "services/ecs/references.py",
    "services/ecs/registration.py",
    "services/ecs/required_attributes.py",
    "services/ecs/scale_in.py",
    "services/ecs/service_parameters.py",
    "services/ecs/service_revision.py",
    "services/ecs/shifting.py",
    "services/ecs/sizes.py",
    "services/ecs/stages.py",
    "services/ecs/tagging.py",
    "services/ecs/targets.py",
    "services/ecs/task_definition.py",
    "services/ecs/task_rows.py",
    "services/ecs/task_set_plan.py",
    "services/ecs/task_status.py",
    "services/ecs/unplaced.py",
    "services/ecs/utilisation.py",
    "services/ecs/why_service.py",
    "services/ecs/why_task.py",
    "services/elbv2/actions.py",
    "services/elbv2/attributes.py",
    "services/elbv2/compile.py",
    "services/elbv2/conditions.py",
    "services/elbv2/function_event.py",
    "services/elbv2/health_checks.py",
    "services/elbv2/names.py",
    "services/elbv2/ssl_policies.py",
    "services/elbv2/target_health.py",
    "services/events/event.py",
    "services/events/input.py",
    "services/events/match.py",
    "services/events/retries.py",
    "services/events/tagging.py",
    "services/events/targets.py",
    "services/iam/policy_document.py",
    "services/iam/refusals.py",
    "services/iam/tags.py",
    "services/lambda_/api_rates.py",
    "services/lambda_/changes.py",
    "services/lambda_/concurrency.py",
    "services/lambda_/destinations.py",
    "services/lambda_/event_invoke.py",
    "services/lambda_/grants.py",
    "services/lambda_/images.py",
    "services/lambda_/layers.py",
    "services/lambda_/logging_config.py",
    "services/lambda_/metering.py",
    "services/lambda_/names.py",
    "services/lambda_/package.py",
    "services/lambda_/pool.py",
    "services/lambda_/provisioned.py",
    "services/lambda_/records.py",
    "services/lambda_/recursion.py",
    "services/lambda_/resource_policy.py",
    "services/lambda_/retries.py",
    "services/lambda_/routing.py",
    "services/lambda_/settings.py",
    "services/lambda_/snap_start.py",
    "services/lambda_/sources/batch.py",
    "services/lambda_/sources/outcome.py",
    "services/lambda_/sources/parameters.py",
    "services/lambda_/sources/record.py",
    "services/lambda_/sources/scaling.py",
    "services/lambda_/sources/transitions.py",
    "services/lambda_/target.py",
    "services/lambda_/tracing.py",
    "services/lambda_/transitions.py",
    "services/lambda_/urls/answer.py",
    "services/lambda_/urls/cors.py",
    "services/lambda_/urls/event.py",
    "services/lambda_/urls/policy.py",
    "services/lambda_/vpc_faults.py",
    "services/lambda_/vpc_plan.py",
    "services/lambda_/why_function.py",
    "services/logs/batch.py",
    "services/logs/filter_pattern.py",
    "services/logs/reading.py",
    "services/secretsmanager/filters.py",
    "services/secretsmanager/stages.py",
    "services/service_quotas/catalogue.py",
    "services/sqs/attributes.py",
    "services/sqs/batch.py",
    "services/sqs/describe.py",
    "services/sqs/entry.py",
    "services/sqs/errors.py",
    "services/sqs/md5.py",
    "services/sqs/queue.py",
    "services/sqs/receipts.py",
    "services/ssm/admission.py",
    "services/ssm/parameter.py",
    "services/ssm/tagging.py",
    "sim/arrivals.py",
    "sim/outcomes.py",
    *(
        f"aws/protocols/{path.name}"
        for path in sorted(SRC.glob("aws/protocols/*.py"))
        if path.stem != "events"
    ),
    *(f"planner/live/{path.name}" for path in sorted(SRC.glob("planner/live/*.py")) if path.stem != "survey"),
    *(f"planner/template/{path.name}" for path in sorted(SRC.glob("planner/template/*.py"))),
)
NEVER_PURE = (
    "kernel.store", "kernel.durable", "kernel.spawn", "kernel.reconcile", "kernel.journal", "kernel.chance",
    "aws.calls", "fleet.link", "fleet.session", "services.plane",
)  # fmt: skip
NEVER_PURE_LIBRARIES = {
    "asyncio", "threading", "time", "random", "secrets", "uuid", "os", "socket", "subprocess", "pathlib",
    "logging",
}  # fmt: skip
"""What a pure module would need to act, to wait, or to find out for itself."""

BANNED_CALLS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep",
    "datetime.now", "datetime.utcnow", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.today",
    "random.random", "random.choice", "random.randint", "random.Random", "random.uniform", "random.shuffle",
    "uuid.uuid4", "uuid.uuid1", "os.urandom", "secrets.token_hex", "secrets.token_bytes", 
    "secrets.token_urlsafe",
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.sleep", "loop.create_task", "threading.Thread",
    "asyncio.to_thread",
}  # fmt: skip
CLOCKED = ("kernel", "node", "cli", "proxy", "sim/loop.py")
"""Where time, chance, tasks and threads are made, or where no plane runs."""

BAD_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|misc|base|manager)(_|$)", re.IGNORECASE)
BAD_CLASS = re.compile(r"(Manager|Helper|Util|Utils|Misc)$")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|pragma: no cover")


@pytest.fixture(scope="module")
def trees() -> Trees:
    """All of the sources, parsed: two seconds, which other workers need not spend."""
    return {path: parse(path) for path in FILES}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def module(path: Path) -> str:
    """src/windlass/aws/route.py → aws.route"""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Our own modules that a file imports, without the `windlass.` in front."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("windlass."):
                    yield node.lineno, name.name.removeprefix("windlass.")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("windlass"):
            stem = node.module.removeprefix("windlass").lstrip(".")
            for name in node.names:
                full = f"{stem}.{name.name}" if stem else name.name
                inside = SRC.joinpath(*full.split("."))
                there = full if inside.with_suffix(".py").exists() or inside.is_dir() else stem
                if there:  # else the package itself, for its version: every layer may
                    yield node.lineno, there


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def layer(name: str) -> int | None:
    head = name.split(".")[0]
    return LAYERS.index(head) if head in LAYERS else None


def test_imports_point_down(trees: Trees) -> None:
    """kernel ← aws ← fleet ← services ← front ← app; only composition roots see everything."""
    wrong = []
    for path, tree in trees.items():
        here = module(path)
        if here.split(".")[0] in ROOTS or here in ROOTS or here == "":
            continue
        for line, there in imports(tree):
            mine, theirs = layer(here), layer(there)
            if mine is not None and (theirs is None or theirs > mine):
                wrong.append(f"{here}:{line} imports {there}")
    assert not wrong, "\n".join(wrong)


def test_the_node_sees_only_the_kernel_and_the_messages(trees: Trees) -> None:
    """The agent must start quickly and run where no plane is installed."""
    wrong = [
        f"{module(path)}:{line} imports {there}"
        for path, tree in trees.items()
        if module(path).startswith("node")
        for line, there in imports(tree)
        if not any(there == seen or there.startswith(f"{seen}.") for seen in NODE_MAY_SEE)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_proxy_sees_only_the_kernel_and_its_messages(trees: Trees) -> None:
    """It must start quickly, and goes on without a plane."""
    wrong = [
        f"{module(path)}:{line} imports {there}"
        for path, tree in trees.items()
        if module(path).startswith("proxy")
        for line, there in imports(tree)
        if not any(there == seen or there.startswith(f"{seen}.") for seen in PROXY_MAY_SEE)
    ]
    assert not wrong, "\n".join(wrong)


def test_folders_of_the_planner_point_one_way(trees: Trees) -> None:
    """What a scenario says knows nothing of how it is played, nor that of what is made of the results."""
    order = {name: place for place, name in enumerate(PLANNER_FOLDERS)}
    wrong = [
        f"{module(path)}:{line} imports {there}"
        for path, tree in trees.items()
        if module(path).startswith("planner.")
        for line, there in imports(tree)
        if there.startswith("planner.") and order[there.split(".")[1]] > order[module(path).split(".")[1]]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_command_line_uses_the_public_api(trees: Trees) -> None:
    """cli/ talks to a plane over HTTP; it may start one (app), read settings and keep images; no more."""
    allowed = (
        "cli",
        "app",
        "early_agent",
        "config",
        "aws.quotas",
        "sim",
        "planner",
        "services.catalogue",
        "front.coverage",
    )
    allowed += ("aws.session_message", "aws.session_channel")  # how a session is spoken
    # A store on the disk and leftovers of agents, for which no plane needs to run:
    allowed += ("node.images", "node.doctor", "node.docker_leftovers")
    wrong = [
        f"{module(path)}:{line} imports {there}"
        for path, tree in trees.items()
        if module(path).startswith("cli")
        for line, there in imports(tree)
        if not any(there == seen or there.startswith(f"{seen}.") for seen in allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_services_never_import_each_other(trees: Trees) -> None:
    """They meet in aws.calls; services/catalogue.py alone lists them."""
    wrong = []
    shared = {"services.plane", "services.entry", "services.assemble", "services"}
    for path, tree in trees.items():
        here = module(path).split(".")
        if here[0] != "services" or len(here) < 2 or here[1] == "catalogue":
            continue
        for line, there in imports(tree):
            if there.startswith("services.") and there not in shared and there.split(".")[1] != here[1]:
                wrong.append(f"{'.'.join(here)}:{line} imports {there}")
    assert not wrong, "\n".join(wrong)


SAYS_PURE = re.compile(r"(^|\s)Pure\.")


def test_modules_that_say_that_they_are_pure_are_listed(trees: Trees) -> None:
    """A docstring is held to what it says."""
    said = {
        path.relative_to(SRC).as_posix()
        for path, tree in trees.items()
        if SAYS_PURE.search(ast.get_docstring(tree) or "")
    }
    assert not said - {*PURE}, sorted(said - {*PURE})


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_no_loop_and_no_store(name: str) -> None:
    """Planners import their model, kernel values and the standard library; never asyncio or the store."""
    path = SRC / name
    assert path.exists(), f"{name} is listed as pure and does not exist"
    tree = parse(path)
    libraries = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    libraries |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    wrong = {library for library in libraries if library.split(".")[0] in NEVER_PURE_LIBRARIES}
    wrong |= {there for _, there in imports(tree) if there.startswith(NEVER_PURE)}
    wrong |= {f"async {node.name}" for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    assert not wrong, f"{name} is not pure: {sorted(wrong)}"


def test_time_chance_and_tasks_are_injected(trees: Trees) -> None:
    """No wall clock, random, uuid, thread, sleep or task outside the kernel and the other processes."""
    wrong = []
    for path, tree in trees.items():
        place = path.relative_to(SRC).as_posix()
        if place.startswith(CLOCKED):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) in BANNED_CALLS:
                wrong.append(f"{place}:{node.lineno} calls {dotted(node.func)}")
    assert not wrong, "\n".join(wrong)


def test_only_config_reads_the_environment(trees: Trees) -> None:
    """os.environ is for config.py, for the agent's children, and for what a function runs in."""
    wrong = [
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path, tree in trees.items()
        if path.relative_to(SRC).parts[0] not in ("node", "config.py", "cli")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and dotted(node) == "os.environ")
        or (isinstance(node, ast.Call) and dotted(node.func) == "os.getenv")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_shell(trees: Trees) -> None:
    """No shell strings anywhere: arguments are lists."""
    wrong = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            shell = any(k.arg == "shell" and getattr(k.value, "value", False) for k in node.keywords)
            if shell or dotted(node.func) in ("os.system", "os.popen", "asyncio.create_subprocess_shell"):
                wrong.append(f"{path.relative_to(SRC)}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def test_files_and_functions_stay_small(trees: Trees) -> None:
    """At most 500 lines a file (tests 800), 60 lines a function."""
    wrong = [
        f"{path.relative_to(ROOT)} has {lines} lines"
        for path in FILES
        if (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    wrong += [
        f"{path.relative_to(ROOT)} has {lines} lines"
        for path in (ROOT / "tests").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > TEST_FILE_LINES_MAX
    ]
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES_MAX:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {size} lines")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_a_thing_is(trees: Trees) -> None:
    """Never manager, util, helper, common, misc, base: neither files nor classes."""
    wrong = [str(path.relative_to(ROOT)) for path in FILES if BAD_NAMES.search(path.stem)]
    wrong += [
        f"{path.relative_to(ROOT)}: class {node.name}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and BAD_CLASS.search(node.name)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_is_for(trees: Trees) -> None:
    """A docstring in each module, and one in each public class and function with more than a few lines."""
    wrong = [
        str(path.relative_to(ROOT))
        for path, tree in trees.items()
        if path.read_text().strip() and not ast.get_docstring(tree)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_left_half_done() -> None:
    """No marks of unfinished work in src/."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MARKS.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_dead_modules(trees: Trees) -> None:
    """Every module is imported by another, or is started as a process."""
    started = {"", "__main__", "app", "cli.main", "node.main", "node.function_bootstrap", "proxy.main"}
    started |= {"node.function_zygote", "node.function_hooks"}
    started |= {"cli.demos.backlog_scaler", "cli.demos.backlog_worker", "cli.demos.rollout_server"}
    started |= {"cli.demos.traffic_app"}
    started |= {"sim.traffic", "sim.requests", "sim.disk"}  # parts of worlds of tests
    used = {there for tree in trees.values() for _, there in imports(tree)}
    packages = {name.rsplit(".", 1)[0] for name in used if "." in name}
    dead = [
        name
        for path in FILES
        if (name := module(path)) not in used | packages | started and path.stem != "__init__"
    ]
    assert not dead, "\n".join(dead)


def test_tests_wait_for_conditions() -> None:
    """No skipped test, no expected failure, no sleep in tests/."""
    banned = {
        "time.sleep",
        "pytest.skip",
        "pytest.xfail",
        "pytest.mark.skip",
        "pytest.mark.skipif",
        "pytest.mark.xfail",
    }
    wrong = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            name = dotted(node.func) if isinstance(node, ast.Call) else ""
            name = dotted(node) if isinstance(node, ast.Attribute) else name
            turn = isinstance(node, ast.Call) and [getattr(a, "value", None) for a in node.args] == [0]
            if name in banned or (isinstance(node, ast.Call) and name == "asyncio.sleep" and not turn):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert not wrong, "\n".join(wrong)


def test_no_host_or_machine_is_named() -> None:
    """Nothing committed names an index host or a path of the machine it was written on."""
    banned = re.compile(r"--(extra-)?index-url|--find-links|(?<![\w.])/work/|/root/\.")
    kept = [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt"), *FILES]
    kept += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.py"), ROOT / ".ci" / "run"]
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in kept
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if banned.search(line)
    ]
    assert not wrong, "\n".join(wrong)
