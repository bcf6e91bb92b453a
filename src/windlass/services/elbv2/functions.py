"""Functions behind load balancers: a request becomes an event, what is returned becomes the answer.

Whatever goes wrong with the function is 502 for the client (ELB User Guide, troubleshooting): its own errors,
throttles, and answers that are none. The journal says which.
"""

from __future__ import annotations

import json

from windlass.aws.calls import Principal
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import FunctionAnswer, FunctionCall
from windlass.kernel.faults import Fault, Retry
from windlass.services.elbv2 import attributes, function_event
from windlass.services.elbv2.function_event import BadAnswer
from windlass.services.elbv2.model import TARGET_GROUPS, TARGETS
from windlass.services.elbv2.networks import PRINCIPAL
from windlass.services.plane import Plane


class Functions:
    """One per plane: answers all requests of proxies to pools of functions."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        plane.calls.part(Proxies).on_function(self._answer)

    async def _answer(self, call: FunctionCall) -> FunctionAnswer:
        try:
            return await self._invoke(call)
        except BadAnswer as bad:
            why = str(bad)
        except Fault as fault:
            why = f"{fault.code}: {fault.message}"
        except Retry as error:
            why = error.why
        self._plane.journal.note("elbv2", call.pool, "function failed", why)
        return FunctionAnswer(call.id, error=why)

    async def _invoke(self, call: FunctionCall) -> FunctionAnswer:
        store = self._plane.store
        group = store[TARGET_GROUPS].get(call.pool)
        target = store[TARGETS].first("group", call.pool)
        if group is None or target is None:
            raise BadAnswer("the target group has no function any more")
        multi = "lambda.multi_value_headers.enabled"
        multi_value = attributes.value(attributes.FUNCTION_GROUP, group.attributes, multi) == "true"
        payload = json.dumps(function_event.event(call, multi_value)).encode()
        principal = Principal(group.account, group.region, PRINCIPAL)
        asked = {"FunctionName": target.id, "Payload": payload}
        result = await self._plane.calls.call("lambda", "Invoke", asked, principal)
        returned = bytes(result["Payload"])
        if result.get("FunctionError"):
            raise BadAnswer(f"the function failed: {returned[:1_000].decode(errors='replace')}")
        return function_event.answer(call, returned, multi_value)
