"""The commands that look at a plane: status, logs, events, coverage, quotas."""

from __future__ import annotations

import time
from typing import Any

from windlass.cli.admin_client import AdminClient
from windlass.cli.log_lines import FOLLOW_PERIOD_S, Labelled, Sources, show
from windlass.cli.output import age, clock_time, fail, show_json, show_story, show_table


def status(endpoint: str, as_json: bool) -> None:
    found = AdminClient(endpoint).get("status")
    if as_json:
        show_json(found)
        return
    units = _counted(found["units"]) or "none"
    if len(found["owners"]) > 1:
        units += f" ({_counted(found['owners'])})"
    nodes = ", ".join(
        f"{n['id']} ({'connected' if n['connected'] else 'not connected'}, {n['cpu_units'] / 1024:g} vCPU, "
        f"{n['memory_mib']} MiB)"
        for n in found["nodes"]
    )
    pools = ", ".join(
        f"{node_id} ({pool['spare']} ready, {pool['hits']} hits, {pool['misses']} misses)"
        for node_id, pool in sorted(found["pools"].items())
        if pool["hits"] or pool["misses"]
    )
    rows = [
        ("endpoint", found["endpoint"]),
        ("version", found["version"]),
        ("up for", age(found["uptime_s"])),
        ("profile", found["profile"]),
        ("runner", found["runner"]),
        ("data", found["data"]),
        ("nodes", nodes or "none"),
        *([("sandboxes", pools)] if pools else []),
        ("units", units),
        *_proxies(found["proxies"]),
        ("services", " ".join(found["services"])),
    ]
    if found["trouble"]:
        rows.append(("trouble", found["trouble"]))
    show_table(("", ""), rows, head=False)


def _proxies(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What serves load balancers, if there are any, and the listeners that nobody can connect to."""
    if not found["frontends"] and not found["workers"]:
        return []
    workers = ", ".join(
        f"{worker['index']} (pid {worker['pid']}{'' if worker['up_to_date'] else ', behind'})"
        for worker in found["workers"]
    )
    count = found["frontends"]
    served = f"{count} frontend{'' if count == 1 else 's'}"
    rows = [("proxies", f"{workers or 'none is connected'} for {served}")]
    return rows + [
        ("refused", f"{bind['address']} of {bind['frontend']}: {bind['why']}") for bind in found["refused"]
    ]


def _counted(counts: dict[str, int]) -> str:
    """Counts by name: "2 ecs, 8 batch"."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def logs(endpoint: str, unit: str, follow: bool) -> None:
    """Print the lines of every stream of that unit, oldest first; with `follow`, go on."""
    client = AdminClient(endpoint)

    def find() -> Sources:
        streams = client.get("streams", unit=unit.rsplit("/", 1)[-1])["streams"]
        many = len(streams) > 1
        return Sources([Labelled(stream, stream["stream"] if many else "") for stream in streams])

    if not find().streams:
        fail(f"no log stream belongs to {unit!r}; see windlass ps")
    show(endpoint, find, follow)


def events(endpoint: str, about: str, follow: bool, as_json: bool) -> None:
    """The journal, or what of it is about one task, service or node; with `follow`, go on."""
    client = AdminClient(endpoint)
    since = 0
    while True:
        entries = client.get("journal", since=str(since))["entries"]
        told = [entry for entry in entries if _is_about(about, entry["subject"])]
        if as_json:
            for entry in told:
                show_json(entry)
        elif told:
            show_story([(clock_time(e["at"]), e["source"], e["what"], e["subject"], e["why"]) for e in told])
        since = entries[-1]["number"] if entries else since
        if entries:
            continue
        if not follow:
            return
        time.sleep(FOLLOW_PERIOD_S)


def _is_about(about: str, subject: str) -> bool:
    """By the whole subject, its last part, or cluster and name; everything is about nothing."""
    return not about or subject == about or subject.endswith(f"/{about}")


def show_coverage(services: list[str], as_json: bool, markdown: bool) -> None:
    from windlass.front import coverage
    from windlass.services.catalogue import SERVICES

    known = {service.name for service in SERVICES}
    if unknown := sorted(set(services) - known):
        fail(f"no service {unknown[0]!r} here; there are {', '.join(sorted(known))}")
    rows = coverage.coverage(SERVICES, services)
    if markdown:
        print(coverage.markdown(rows), end="")
        return
    if as_json:
        show_json(
            [
                {"service": r.service, "operation": r.operation, "state": r.state, "missing": r.missing}
                for r in rows
            ]
        )
        return
    show_table(
        ("SERVICE", "OPERATION", "STATE", "MISSING"),
        [(r.service, r.operation, r.state, r.missing) for r in rows],
    )


def quotas(endpoint: str, as_json: bool) -> None:
    found = AdminClient(endpoint).get("quotas")
    if as_json:
        show_json(found)
        return
    rows = [(name, f"{value:g}", "", "") for name, value in sorted(found["quotas"].items())]
    rows += [
        (name, f"burst {bucket['burst']}", _refill(bucket), "")
        for name, bucket in sorted(found["buckets"].items())
    ]
    rows += [(name, f"{value:g} s", "", "") for name, value in sorted(found["delays"].items())]
    rows += [(name, "on" if value else "off", "", "") for name, value in sorted(found["switches"].items())]
    rows += [(name, value, "", "") for name, value in sorted(found["choices"].items())]
    rows += [
        (row["name"], f"{row['value']:g}", "", f"granted to {row['account']}/{row['region']}")
        for row in found["granted"]
    ]
    rows += [
        (
            f"{row['name']} {row['subject']}".rstrip(),
            f"{row['tokens']} of {row['burst']} left",
            _refill(row),
            f"now in {row['account']}/{row['region']}",
        )
        for row in found["levels"]
    ]
    if not rows:
        print(f"profile {found['profile']} limits nothing")
        return
    show_table(("NAME", "VALUE", "RATE", "WHERE"), rows)


def _refill(rate: dict[str, Any]) -> str:
    return f"{rate['per_minute']}/min" if "per_minute" in rate else f"{rate['per_second']}/s"
