"""Dashboards: kept as they come and given back; nothing here draws them."""

from __future__ import annotations

import json
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.limits import DASHBOARDS_PAGE
from windlass.services.cloudwatch.model import DASHBOARDS, Dashboard
from windlass.services.cloudwatch.statistics import no_token


def put_dashboard(call: Call, params: Params) -> Result:
    """CloudWatch PutDashboard: the body has to be an object with a list of widgets; they are not read."""
    name, body = params["DashboardName"], params["DashboardBody"]
    _check(body)
    with call.store.transact() as tx:
        tx[DASHBOARDS].put(Dashboard(*call.scope, name, body, call.now))
    return {"DashboardValidationMessages": []}


def get_dashboard(call: Call, params: Params) -> Result:
    """CloudWatch GetDashboard."""
    row = call.store[DASHBOARDS].require(
        (*call.scope, params["DashboardName"]), _unknown(params["DashboardName"])
    )
    return {"DashboardArn": row.arn, "DashboardBody": row.body, "DashboardName": row.name}


def delete_dashboards(call: Call, params: Params) -> Result:
    """CloudWatch DeleteDashboards: all of them, or none when one is not there."""
    with call.store.transact() as tx:
        for name in dict.fromkeys(params["DashboardNames"]):
            tx[DASHBOARDS].require((*call.scope, name), _unknown(name))
            tx[DASHBOARDS].delete((*call.scope, name))
    return {}


def list_dashboards(call: Call, params: Params) -> Result:
    """CloudWatch ListDashboards, in order of name."""
    prefix = params.get("DashboardNamePrefix", "")
    rows, following = page(
        call.store[DASHBOARDS],
        "scope",
        call.scope,
        operation="ListDashboards",
        filters=[*call.scope, prefix],
        token=params.get("NextToken"),
        limit=DASHBOARDS_PAGE,
        fault=no_token,
        where=lambda row: row.name.startswith(prefix),
    )
    answer: Result = {"DashboardEntries": [_entry(row) for row in rows]}
    return answer | ({"NextToken": following} if following else {})


def _entry(row: Dashboard) -> dict[str, Any]:
    return {
        "DashboardName": row.name,
        "DashboardArn": row.arn,
        "LastModified": in_seconds(row.modified_at),
        "Size": len(row.body.encode()),
    }


def _check(body: str) -> None:
    """Raise Fault for what is no dashboard."""
    try:
        read = json.loads(body)
    except ValueError:
        raise _invalid("The field DashboardBody must be a valid JSON object", "/") from None
    if not isinstance(read, dict):
        raise _invalid("The field DashboardBody must be a valid JSON object", "/")
    if not isinstance(read.get("widgets", []), list):
        raise _invalid("Should be an array", "/widgets")


def _invalid(why: str, path: str) -> Fault:
    found = [{"DataPath": path, "Message": why}]
    text = "The dashboard body is invalid, there are validation errors"
    return Fault("InvalidParameterInput", text, members={"dashboardValidationMessages": found})


def _unknown(name: str) -> Any:
    return lambda: Fault("ResourceNotFound", f"Dashboard {name} does not exist", status=404)
