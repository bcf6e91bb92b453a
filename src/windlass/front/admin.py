"""`/_windlass/…`: what the command line and the console ask for; JSON over the plane's own state.

Answers loopback peers only (the server sees to that), whatever `--auth` says. Requests that change something
must carry the header `x-windlass`, which a web page of another origin cannot send without asking first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from windlass import __version__
from windlass.aws.metrics import Metrics
from windlass.aws.wire import Request, Response
from windlass.fleet.model import INSTANCES, NODES, UNITS, Unit
from windlass.fleet.networks import PoolCounts
from windlass.fleet.proxies import Proxies
from windlass.front import batch, chaos, fleet_view, functions, machines, traffic
from windlass.front.coverage import coverage
from windlass.front.shapes import bucket_levels, journal_entry
from windlass.front.shapes import rate as rate_shown
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.faults import Fault, Retry
from windlass.services.batch.seeing import Seeing as SeeingJobs
from windlass.services.ecs.seeing import Seeing
from windlass.services.events.schedules import Schedules
from windlass.services.logs.model import STREAMS
from windlass.services.plane import Plane, Service
from windlass.services.service_quotas.model import GRANTED

PREFIX = "/_windlass/"
UNITS_PER_ANSWER_MAX = 10_000
JOURNAL_PER_ANSWER_MAX = 1_000

Answer: TypeAlias = "Any | Awaitable[Any]"
Query: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the composition root knows and the plane does not."""

    endpoint: str
    runner: str
    data: str
    started_at: Instant
    allow_reset: bool


class Admin:
    """Answers the requests under PREFIX."""

    def __init__(self, plane: Plane, services: Sequence[Service], facts: Facts) -> None:
        self._plane = plane
        self._services = services
        self._facts = facts
        self._routes: dict[tuple[str, str], Callable[[Query], Answer]] = {
            ("GET", "health"): self._health,
            ("GET", "status"): self._status,
            ("GET", "units"): self._units,
            ("GET", "journal"): self._journal,
            ("GET", "coverage"): self._coverage,
            ("GET", "quotas"): self._quotas,
            ("GET", "streams"): self._streams,
            ("GET", "metrics"): self._metrics,
            ("GET", "series"): self._series,
            ("GET", "why"): partial(fleet_view.why, plane),
            ("GET", "services"): partial(fleet_view.services, plane),
            ("GET", "overview"): partial(fleet_view.overview, plane),
            ("GET", "batch"): partial(batch.overview, plane),
            ("GET", "batch/job"): partial(batch.job, plane),
            ("GET", "functions"): partial(functions.functions, plane),
            ("GET", "cold-starts"): partial(functions.cold_starts, plane),
            ("GET", "traffic"): partial(traffic.traffic, plane),
            ("POST", "reset"): self._reset,
            ("POST", "events/fire"): self._fire,
            ("GET", "instances"): partial(machines.shown, plane),
            ("POST", "instances/run"): partial(machines.run, plane),
            ("POST", "instances/terminate"): partial(machines.terminate, plane),
            ("POST", "chaos/spot-interrupt"): partial(chaos.spot_interrupt, plane),
        }

    async def answer(self, request: Request) -> Response:
        """One request under PREFIX; the caller has checked the peer."""
        found = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if found is None:
            return _json(404, {"message": f"no {request.method} {request.path} here"})
        if request.method != "GET" and "x-windlass" not in request.headers:
            return _json(
                403, {"message": "requests that change something must send the header x-windlass: 1"}
            )
        try:
            answer = found(dict(parse_qsl(request.query)))
            if isinstance(answer, Awaitable):
                answer = await answer
        except Fault as fault:
            return _json(fault.status or 400, {"code": fault.code, "message": fault.message})
        except (KeyError, ValueError) as error:
            return _json(400, {"message": f"bad or missing parameter {error}"})
        except Retry as error:
            return _json(503, {"message": error.why})
        return answer if isinstance(answer, Response) else _json(200, answer)

    def _health(self, query: Query) -> Answer:
        trouble = self._plane.store.trouble
        body = {"status": "degraded" if trouble else "ready", "version": __version__, "trouble": trouble}
        return _json(503 if trouble else 200, body)

    def _status(self, query: Query) -> Answer:
        store, facts = self._plane.store, self._facts
        units = store[UNITS]
        return {
            "version": __version__,
            "endpoint": facts.endpoint,
            "profile": self._plane.quotas.profile.name,
            "runner": facts.runner,
            "data": facts.data,
            "uptime_s": round(in_seconds(self._plane.clock.now() - facts.started_at), 1),
            "revision": store.revision,
            "trouble": store.trouble,
            "units": {str(state): units.count("state", state) for state in units.values("state")},
            "owners": {str(owner): units.count("owner", owner) for owner in units.values("owner")},
            "nodes": [
                {"id": n.id, "connected": n.connected, "cpu_units": n.cpu_units, "memory_mib": n.memory_mib}
                for n in store[NODES].all()
            ],
            "pools": {
                node_id: {
                    "spare": pool.spare,
                    "hits": sum(hits for _, hits, _ in pool.classes),
                    "misses": sum(misses for _, _, misses in pool.classes),
                }
                for node_id, pool in self._plane.links.pools().items()
            },
            "proxies": _proxies(self._plane.calls.part(Proxies)),
            "calls_waiting": sum(name.startswith("call ") for name in self._plane.spawn.names()),
            "services": self._plane.calls.services(),
        }

    def _units(self, query: Query) -> Answer:
        units = sorted(self._plane.store[UNITS].all(), key=lambda unit: (unit.created_at, unit.id))
        look, jobs = Seeing(self._plane), SeeingJobs(self._plane)
        shown = [
            {
                **_unit(unit),
                "task": fleet_view.task_of(look, self._plane, unit),
                "job": batch.job_of(jobs, self._plane, unit),
            }
            for unit in units[:UNITS_PER_ANSWER_MAX]
        ]
        return {"units": shown, "total": len(units)}

    def _streams(self, query: Query) -> Answer:
        """The log streams of a task (by its id in their names) or of a function (by its name)."""
        wanted = query["unit"]
        streams = [
            stream
            for stream in self._plane.store[STREAMS].all()
            if any(part == wanted or part.startswith(f"{wanted}-") for part in stream.name.split("/"))
            or stream.group == f"/aws/lambda/{wanted}"
        ]
        return {
            "streams": [
                {"account": s.account, "region": s.region, "group": s.group, "stream": s.name}
                for s in sorted(streams, key=lambda stream: (stream.created_ms, stream.name))
            ]
        }

    def _journal(self, query: Query) -> Answer:
        entries = self._plane.journal.since(int(query.get("since", "0")), JOURNAL_PER_ANSWER_MAX)
        return {"entries": [journal_entry(entry) for entry in entries]}

    def _coverage(self, query: Query) -> Answer:
        only = [query["service"]] if "service" in query else []
        return {"operations": [msgspec.to_builtins(row) for row in coverage(self._services, only)]}

    def _quotas(self, query: Query) -> Answer:
        profile = self._plane.quotas.profile
        return {
            "profile": profile.name,
            "quotas": dict(profile.quotas),
            "buckets": {name: rate_shown(rate) for name, rate in profile.buckets.items()},
            "delays": dict(profile.delays),
            "switches": dict(profile.switches),
            "choices": dict(profile.choices),
            "granted": [
                {"account": row.account, "region": row.region, "name": row.name, "value": row.value}
                for row in sorted(
                    self._plane.store[GRANTED].all(), key=lambda row: (row.account, row.region, row.name)
                )
            ],
            "levels": bucket_levels(self._plane),
        }

    def _metrics(self, query: Query) -> Answer:
        units = self._plane.store[UNITS]
        lines = ["# HELP windlass_units Units by state.", "# TYPE windlass_units gauge"]
        lines += [
            f'windlass_units{{state="{state}"}} {units.count("state", state)}'
            for state in units.values("state")
        ]
        lines += [
            "# HELP windlass_transactions_total Transactions since the start.",
            "# TYPE windlass_transactions_total counter",
            f"windlass_transactions_total {self._plane.store.revision}",
            "# HELP windlass_log_failing Whether the log takes no writes.",
            "# TYPE windlass_log_failing gauge",
            f"windlass_log_failing {int(self._plane.store.trouble is not None)}",
        ]
        lines += _pool_metrics(self._plane.links.pools())
        text = "\n".join(lines) + "\n"
        return Response(200, (("content-type", "text/plain; version=0.0.4"),), text.encode())

    def _series(self, query: Query) -> Answer:
        """The newest point of each series that a service has published, the longest silent first."""
        latest = self._plane.calls.part(Metrics).latest()
        return {
            "series": [
                {
                    "account": series.account,
                    "region": series.region,
                    "namespace": series.namespace,
                    "name": series.name,
                    "dimensions": dict(series.dimensions),
                    "unit": unit,
                    "samples": bucket.summary.samples,
                    "sum": bucket.summary.total,
                    "min": bucket.summary.least,
                    "max": bucket.summary.most,
                    "at": bucket.start,
                }
                for series, unit, bucket in latest
            ]
        }

    async def _reset(self, query: Query) -> Any:
        """Clear every account's resources; what runs is stopped because nothing wants it any more."""
        if not self._facts.allow_reset:
            raise Fault("Refused", "start the plane with --allow-reset to allow this", status=403)
        tables = [table for service in self._services for table in service.tables]
        gone = self._plane.store.clear((*tables, INSTANCES, UNITS))
        self._plane.calls.part(Metrics).clear()
        await self._plane.store.durable()
        return {"rows_deleted": gone}

    async def _fire(self, query: Query) -> Any:
        """Invoke a rule's targets now, as if its schedule had come round."""
        schedules = self._plane.calls.part(Schedules)
        bus = query.get("bus", "default")
        targets = schedules.fire_now(query["account"], query["region"], bus, query["rule"])
        await self._plane.store.durable()
        return {"fired": query["rule"], "targets": targets}


def _unit(unit: Unit) -> dict[str, Any]:
    containers = unit.observed.containers if unit.observed else ()
    logs = [c.log for c in unit.spec.containers] + ([unit.spec.function.log] if unit.spec.function else [])
    return {
        "id": unit.id,
        "service": unit.owner,
        "kind": unit.spec.kind,
        "task_arn": unit.spec.task.task_arn if unit.spec.task else "",
        "account": unit.account,
        "region": unit.region,
        "state": unit.state,
        "node": unit.node_id,
        "why": unit.why,
        "created_at": in_seconds(unit.created_at),
        "containers": [
            {"name": c.name, "status": c.status, "exit_code": c.exit_code, "pid": c.pid, "reason": c.reason}
            for c in containers
        ],
        "logs": [{"group": log.group, "stream": log.stream, "region": log.region} for log in logs if log],
    }


def _proxies(part: Proxies) -> dict[str, Any]:
    """What load balancers are served by, and the listeners among them that cannot be had."""
    return {
        "workers": [
            {
                "index": proxy.index,
                "pid": proxy.pid,
                "up_to_date": proxy.generation == part.served.generation,
            }
            for proxy in part.proxies()
        ],
        "frontends": len(part.served.frontends),
        "refused": [
            {"frontend": key, "address": address, "why": why}
            for key, binds in part.refused.items()
            for address, why in binds
        ],
    }


def _json(status: int, body: object) -> Response:
    return Response(status, (("content-type", "application/json"),), msgspec.json.encode(body))


def _pool_metrics(pools: Mapping[str, PoolCounts]) -> list[str]:
    """Sandboxes made ahead, by node and size of task, in Prometheus' text format."""
    lines = ["# HELP windlass_pool_spare Sandboxes that are ready.", "# TYPE windlass_pool_spare gauge"]
    lines += [f'windlass_pool_spare{{node="{node_id}"}} {pool.spare}' for node_id, pool in pools.items()]
    lines += [
        "# HELP windlass_pool_launches_total Launches that found a sandbox ready (hit), or none (miss).",
        "# TYPE windlass_pool_launches_total counter",
    ]
    for node_id, pool in pools.items():
        for size, hits, misses in pool.classes:
            where = f'node="{node_id}",size="{size}"'
            lines.append(f'windlass_pool_launches_total{{{where},outcome="hit"}} {hits}')
            lines.append(f'windlass_pool_launches_total{{{where},outcome="miss"}} {misses}')
    return lines
