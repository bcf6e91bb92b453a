"""ECS rows through the log: what was stored is what comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.build import NOW
from tests.ecs_build import SUBNET, a_fargate_definition, a_task, an_instance
from windlass.fleet import model as fleet_model
from windlass.fleet.room import Need, Strategy
from windlass.kernel.durable import DurableLog
from windlass.kernel.log_sqlite import SqliteLog
from windlass.kernel.store import Store
from windlass.services.ecs import SERVICE, model
from windlass.services.ecs import provider_model as of_providers
from windlass.services.ecs import service_model as of_services
from windlass.services.ecs.express import model as of_express
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.task_definition import register


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    """Each table's row, with all that it may hold, is the same after the file is opened again."""
    registered = register(a_fargate_definition())
    rows: dict[Any, Any] = {
        model.CLUSTERS: model.Cluster(
            "1", "r", "main", settings={"a": "b"}, configuration={"x": {"y": True}},
            capacity_providers=("FARGATE",), default_strategy=({"capacityProvider": "FARGATE", "weight": 1},),
        ),
        model.FAMILIES: model.Family("1", "r", "work", 3, 2, 1),
        model.DEFINITIONS: model.TaskDefinition(
            "1", "r", "work", 3, registered.definition, registered.compatibilities, NOW, "me", tags={"a": "b"}
        ),
        model.TASKS: a_task(containers=("app", "side"), overrides={"cpu": "1", "network": SUBNET}),
        INSTANCES: an_instance(custom=(("stack", "prod"),), tags={"a": "b"}),
        model.RUN_TOKENS: model.RunToken("1", "r", "t", "f", "main", ("t1", "t2"), NOW),
        model.SETTINGS: model.AccountSetting("1", "r", "", "taskLongArnFormat", "enabled"),
        of_services.SERVICES: of_services.Service(
            "s", "1", "r", "main", "web", NOW, "7", desired_count=3, grace_s=5, tags={"a": "b"},
            rolling=of_services.Rolling(50, 150, alarms=("high",), shape={"strategy": "ROLLING"}),
            strategies=({"type": "random"},),
        ),
        of_services.REVISIONS: of_services.ServiceRevision(
            "7", "1", "r", "main", "web", "s", NOW, "arn", network=SUBNET, digests=(("app", "sha256:1"),)
        ),
        of_services.DEPLOYMENTS: of_services.Deployment("ecs-svc/1", "1", "r", "s", "7", "d", NOW, NOW),
        of_services.SERVICE_DEPLOYMENTS: of_services.ServiceDeployment(
            "d", "1", "r", "main", "web", "s", NOW, NOW, "7",
            source_revisions=("6",), hooks=(of_services.HookCall("h", "arn", "PRE_SCALE_UP", call_at=NOW),),
        ),
        of_services.TASK_SETS: of_services.TaskSet(
            "ecs-svc/2", "1", "r", "main", "web", "s", NOW, NOW, "7", scale_percent=12.5
        ),
        of_services.SERVICE_EVENTS: of_services.ServiceEvent("s", 4, "e", NOW, "(service web) has started."),
        of_express.EXPRESS: of_express.Express(
            "1", "r", "main", "web", "0123456789ab", NOW, NOW, "arn:role", "vpc-1", {"cpu": "256"},
            (("7", {"cpu": "256"}),), {"rule": "arn:rule"}, "s",
        ),
        of_providers.PROVIDERS: of_providers.CapacityProvider(
            "1", "r", "web", "arn:aws:autoscaling:…", of_providers.ManagedScaling(True, 90), tags={"a": "b"}
        ),
        of_providers.WAITING: of_providers.WaitingTask(
            "t1", "1", "r", "main", "web", NOW, Need(256, 512, frozenset({("tcp", 80)})), "family:work",
            ({"type": "distinctInstance"},), (Strategy("spread", "instanceId"),), "awsvpc", SUBNET, 1,
        ),
    }  # fmt: skip

    async def write() -> None:
        log = DurableLog(SqliteLog(tmp_path))
        store = Store((*SERVICE.tables, *fleet_model.TABLES), log)
        with store.transact() as tx:
            for table, row in rows.items():
                tx[table].put(row)
        await store.durable()
        await log.close()

    asyncio.run(write())
    again = Store((*SERVICE.tables, *fleet_model.TABLES), DurableLog(SqliteLog(tmp_path)))
    assert set(rows) == set(SERVICE.tables)
    for table, row in rows.items():
        assert list(again[table].all()) == [row]
