"""`AWS::CloudWatch::Alarm` and `::CompositeAlarm`: PutMetricAlarm and PutCompositeAlarm. Ref is the name."""

from collections.abc import Mapping
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.cfn.calls import CallError, Calls, members
from rehearsal.cfn.kinds import Properties
from rehearsal.cfn.resource import Made, tagged


class Alarm:
    """Everything but the name changes in place; the state stays."""

    def __init__(self, calls: Calls, action: str) -> None:
        self._calls, self._action = calls, action

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        """Put it under its name or a generated one."""
        from ministack.services.cloudformation import provisioners

        name = str(properties.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255))
        return self._put(name, properties, stack, logical_id)

    def update(self, physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """Put it again; under another name it is another alarm."""
        if new.get("AlarmName", physical_id) != physical_id and new.get("AlarmName") != old.get("AlarmName"):
            return self.create(logical_id, new, stack)
        made = self._put(physical_id, new, stack, logical_id)
        tags = tagged(new, stack, logical_id)
        arn = made[1]["Arn"]
        gone = {tag["Key"] for tag in old.get("Tags") or []} - {tag["Key"] for tag in tags}
        if gone:
            self._calls("cloudwatch", "UntagResource", {"ResourceARN": arn, "TagKeys": sorted(gone)})
        self._calls("cloudwatch", "TagResource", {"ResourceARN": arn, "Tags": tags})
        return made

    def delete(self, physical_id: str, _: Properties) -> None:
        """One that is gone is no fault; one that a composite alarm needs is."""
        try:
            self._calls("cloudwatch", "DeleteAlarms", {"AlarmNames": [physical_id]})
        except CallError as error:
            if not error.missing:
                raise

    def _put(self, name: str, properties: Properties, stack: str, logical_id: str) -> Made:
        for given in properties:
            if given not in members("cloudwatch", self._action):
                raise ValueError(f"Encountered unsupported property {given}")
        params: Mapping[str, Any] = {**properties, "AlarmName": name, "Tags": tagged(properties, stack, logical_id)}
        self._calls("cloudwatch", self._action, params)
        scope = scope_of_request()
        return name, {"Arn": f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{name}"}
