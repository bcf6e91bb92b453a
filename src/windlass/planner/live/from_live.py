"""A scenario of what was found in an account. Pure: found.py in, text out.

What is made comes before what names it. What is lost on the way is said in the file.
Known gaps: VPCs (all is in the default VPC), Network Load Balancers, sources of functions other than SQS,
jobs that just run, and tasks of no service: these are workload, which a scenario says itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.planner.live import app_runner, balancers, batch, ecs, functions, scaling, traffic
from windlass.planner.live.document import written
from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found
from windlass.services.service_quotas.catalogue import BY_CODE, UNLIMITED

OF_AWS = "L-"
"""How codes of quotas begin that AWS has too."""
DRAFTS = (
    functions.draft_queues,
    ecs.draft_groups,
    ecs.draft_clusters,
    ecs.draft_definitions,
    functions.draft_functions,
    balancers.draft_balancers,
    batch.draft_batch,
    functions.draft_mappings,
    functions.draft_rules,
    ecs.draft_services,
    scaling.draft_scaling,
    scaling.draft_alarms,
    app_runner.draft_app_runner,
    traffic.draft_traffic,
)


def draft_of(found: Found, here: str, profile_quotas: Mapping[str, float], with_environment: bool) -> Draft:
    """What the scenario will say, settled. `here`: the simulated Region."""
    draft = Draft(found, here, with_environment)
    for add in DRAFTS:
        add(draft)
    draft.settled()
    draft.quotas = _quotas(found, profile_quotas)
    return draft


def text_of(draft: Draft, refused: Mapping[int, str]) -> str:
    """The file. Resources of which a simulated plane says why not are comments in it."""
    found = draft.found
    head = [
        f"What account …{found.account[-4:]} has in {found.region}, by `windlass plan --from-live`.",
        "Commands, variables, secrets, roles, logs and tags are left out, and all is in the default VPC.",
        "What happens to it, and what else is asked of it, is yours to add: events and workloads.",
    ]
    return written(draft, refused, f"live-{found.region}", head)


def _quotas(found: Found, profile_quotas: Mapping[str, float]) -> dict[str, float]:
    """The account's own, where the profile has others. Ours (no code of AWS's) are of the plane's profile."""
    told = {}
    for row in found.of("service-quotas.quotas"):
        quota = BY_CODE.get((row["ServiceCode"], row["QuotaCode"]))
        if quota is None or quota.part or not quota.code.startswith(OF_AWS):
            continue
        if 0 < row["Value"] < UNLIMITED and row["Value"] != profile_quotas.get(quota.key):
            told[quota.key] = row["Value"]
    return told
