"""Tags of alarms, by ARN."""

from __future__ import annotations

from windlass.aws import arn as arns
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import View
from windlass.services.cloudwatch.datum import invalid
from windlass.services.cloudwatch.limits import TAGS_MAX
from windlass.services.cloudwatch.model import ALARMS, Alarm


def tag_resource(call: Call, params: Params) -> Result:
    """CloudWatch TagResource."""
    with call.store.transact() as tx:
        alarm = _alarm(tx[ALARMS], call, params)
        tags = alarm.tags | {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        if len(tags) > TAGS_MAX:
            raise invalid(f"An alarm can have at most {TAGS_MAX} tags.")
        tx[ALARMS].put(replace(alarm, tags=tags))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    """CloudWatch UntagResource."""
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        alarm = _alarm(tx[ALARMS], call, params)
        kept = {key: value for key, value in alarm.tags.items() if key not in gone}
        tx[ALARMS].put(replace(alarm, tags=kept))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """CloudWatch ListTagsForResource."""
    alarm = _alarm(call.store[ALARMS], call, params)
    return {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}


def _alarm(view: View[Alarm], call: Call, params: Params) -> Alarm:
    read = arns.parse(params["ResourceARN"])
    if read is None or read.service != "cloudwatch" or not read.resource.startswith("alarm:"):
        raise invalid(f"The value {params['ResourceARN']} for parameter ResourceARN is not an alarm's ARN.")
    name = read.resource.removeprefix("alarm:")
    alarm = view.get((*call.scope, name)) if (read.account, read.region) == call.scope else None
    if alarm is None:
        members = {"ResourceType": "Alarm", "ResourceId": name}
        raise Fault("ResourceNotFoundException", f"The alarm {name} does not exist.", members=members)
    return alarm
