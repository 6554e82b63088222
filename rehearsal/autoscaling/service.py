"""The API of Application Auto Scaling, checked by botocore's model, in front of `scaling`."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from rehearsal.adapter import Response, error, scope_of_request
from rehearsal.autoscaling import policies, scheduled
from rehearsal.autoscaling.capacity import DIMENSIONS, Capacity, role_arn
from rehearsal.autoscaling.policies import not_found
from rehearsal.autoscaling.scaling import Scaling
from rehearsal.autoscaling.store import Record, State, Store, key_of, named
from rehearsal.cfn.calls import Calls
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.shapes import check

NAME = "application-autoscaling"


@cache
def model() -> Any:
    """botocore's model of the service."""
    from botocore.session import get_session

    return get_session().get_service_model(NAME)


class AutoScaling:
    """One for the cloud; every call works in the account and region of its request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._calls = runtime, Calls(runtime)
        self.store = Store()
        self._capacity = Capacity(runtime)
        self._scaling = Scaling(runtime, self.store, self._capacity)
        runtime.alarms.notifier.scale = self._scaling.asked
        self._actions: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self.deregister,
            "DescribeScalableTargets": self._targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._policies,
            "DescribeScalingActivities": self._activities,
            "PutScheduledAction": self._put_action,
            "DeleteScheduledAction": self._delete_action,
            "DescribeScheduledActions": self._scheduled,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    async def handle_request(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
    ) -> Response:
        """One request, authenticated and authorised already."""
        action = headers.get("x-amz-target", "").split(".")[-1]
        if action not in self._actions:
            known = action in model().operation_names
            why = "is not one that the embedded cloud runs" if known else "is not an action of Application Auto Scaling"
            return error("UnknownOperationException", f"{action} {why}.")
        try:
            params = check(model().operation_model(action).input_shape, json.loads(body or b"{}"))
            answer = await self._runtime.in_thread(self._actions[action], params)
        except ServiceError as fault:
            return error(fault.code, fault.message, fault.status)
        except ValueError as fault:
            return error("ValidationException", str(fault))
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    def tick(self) -> None:
        """What is due now: scheduled actions, what alarms asked for, activities that ended."""
        scheduled.run_due(self._runtime, self.store, self._capacity, self._scaling)
        self._scaling.tick()

    @property
    def _state(self) -> State:
        return self.store.state(scope_of_request())

    def _register(self, params: dict[str, Any]) -> dict[str, Any]:
        dimension = params["ScalableDimension"]
        if dimension not in DIMENSIONS or not dimension.startswith(params["ServiceNamespace"]):
            raise invalid(f"The embedded cloud does not scale {dimension}. Leave it out of the rehearsal.")
        before = self._state.targets.get(key_of(params))
        given = {**(before or {}), **params}
        if "MinCapacity" not in given or "MaxCapacity" not in given:
            raise invalid("MinCapacity and MaxCapacity are required for a new scalable target")
        bounds = {name: int(given[name]) for name in ("MinCapacity", "MaxCapacity")}
        if not 0 <= bounds["MinCapacity"] <= bounds["MaxCapacity"]:
            raise invalid("MinCapacity must be at least 0 and not greater than MaxCapacity")
        self._capacity.read(params)  # the resource must exist
        scope = scope_of_request()
        arn = (before or {}).get("ScalableTargetARN") or (
            f"arn:aws:application-autoscaling:{scope.region}:{scope.account}:scalable-target/{uuid.uuid4().hex}"
        )
        fresh = {
            **named(params),
            "RoleARN": role_arn(dimension, scope.account),
            "CreationTime": self._runtime.clock.now(),
            "SuspendedState": {},
            "ScalableTargetARN": arn,
        }
        with self.store.lock:
            target = self._state.targets.setdefault(key_of(params), fresh)
            target |= bounds
            names = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
            suspended = {**dict.fromkeys(names, False), **target["SuspendedState"]}
            target["SuspendedState"] = suspended | (params.get("SuspendedState") or {})
            if before is None and params.get("Tags"):
                self._state.tags[arn] = dict(params["Tags"])
        return {"ScalableTargetARN": arn}

    def deregister(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove the target with its policies, their alarms and its scheduled actions."""
        state, key = self._state, key_of(params)
        if key not in state.targets:
            raise not_found("scalable target found", params)
        for policy in [one for one in state.policies.values() if key_of(one) == key]:
            self._drop_policy(policy)
        with self.store.lock:
            target = state.targets.pop(key)
            state.tags.pop(target["ScalableTargetARN"], None)
            for name in [name for name, one in state.actions.items() if key_of(one) == key]:
                del state.actions[name]
        return {}

    def _put_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        state = self._state
        if key_of(params) not in state.targets:
            raise not_found("scalable target registered", params)
        policies.refuse_wrong(params)
        before = self._find_policy(params)
        arn = before["PolicyARN"] if before else policies.policy_arn(params, scope_of_request(), str(uuid.uuid4()))
        policy: Record = {
            **params,
            "PolicyType": params.get("PolicyType", "StepScaling"),
            "PolicyARN": arn,
            "CreationTime": before["CreationTime"] if before else self._runtime.clock.now(),
        }
        alarms: list[dict[str, str]] = []
        if policy["PolicyType"] == "TargetTrackingScaling":
            scope = scope_of_request()
            provisioned = max(1, self._capacity.read(policy).current)
            for alarm in policies.alarms_of(policy, provisioned):
                self._calls("cloudwatch", "PutMetricAlarm", alarm)
                name = alarm["AlarmName"]
                alarm_arn = f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{name}"
                alarms.append({"AlarmName": name, "AlarmARN": alarm_arn})
        if before:
            self._drop_alarms(before)
        with self.store.lock:
            state.policies[arn] = policy | ({"Alarms": alarms} if alarms else {})
        return {"PolicyARN": arn, "Alarms": alarms}

    def _find_policy(self, params: Mapping[str, Any]) -> Record | None:
        for policy in self._state.policies.values():
            if key_of(policy) == key_of(params) and policy["PolicyName"] == params["PolicyName"]:
                return policy
        return None

    def _delete_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        policy = self._find_policy(params)
        if policy is None:
            raise not_found("scaling policy found", params, f", policy name: {params['PolicyName']}")
        self._drop_policy(policy)
        return {}

    def _drop_policy(self, policy: Record) -> None:
        self._drop_alarms(policy)
        with self.store.lock:
            self._state.policies.pop(policy["PolicyARN"], None)

    def _drop_alarms(self, policy: Record) -> None:
        names = [one["AlarmName"] for one in policy.get("Alarms") or []]
        if names:
            self._calls("cloudwatch", "DeleteAlarms", {"AlarmNames": names})

    def _put_action(self, params: dict[str, Any]) -> dict[str, Any]:
        state, name = self._state, f"{key_of(params)}|{params['ScheduledActionName']}"
        if key_of(params) not in state.targets:
            raise not_found("scalable target registered", params)
        before = state.actions.get(name)
        merged = {**(before or {}), **params}
        scheduled.refuse_wrong(merged)
        scope, now = scope_of_request(), self._runtime.clock.now()
        arn = (
            f"arn:aws:autoscaling:{scope.region}:{scope.account}:scheduledAction:{uuid.uuid4()}:resource/"
            f"{params['ServiceNamespace']}/{params['ResourceId']}:scheduledActionName/{params['ScheduledActionName']}"
        )
        with self.store.lock:
            state.actions[name] = {"ScheduledActionARN": arn, "CreationTime": now, **merged, "_looked_at": now}
        return {}

    def _delete_action(self, params: dict[str, Any]) -> dict[str, Any]:
        name = f"{key_of(params)}|{params['ScheduledActionName']}"
        if name not in self._state.actions:
            raise not_found(
                "scheduled action found", params, f", scheduled action name: {params['ScheduledActionName']}"
            )
        with self.store.lock:
            del self._state.actions[name]
        return {}

    def _targets(self, params: dict[str, Any]) -> dict[str, Any]:
        return _page("ScalableTargets", self._chosen(self._state.targets.values(), params, "ResourceIds"), params)

    def _policies(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self._chosen(self._state.policies.values(), params, "ResourceId")
        wanted = params.get("PolicyNames")
        chosen = [_with_alarms(one) for one in found if not wanted or one["PolicyName"] in wanted]
        return _page("ScalingPolicies", chosen, params)

    def _activities(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self._chosen(reversed(self._state.activities), params, "ResourceId")
        return _page("ScalingActivities", found, params)

    def _scheduled(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self._chosen(self._state.actions.values(), params, "ResourceId")
        wanted = params.get("ScheduledActionNames")
        chosen = [one for one in found if not wanted or one["ScheduledActionName"] in wanted]
        return _page("ScheduledActions", chosen, params)

    @staticmethod
    def _chosen(records: Iterable[Record], params: Mapping[str, Any], by: str) -> list[Record]:
        given = params.get(by)
        resources = [given] if isinstance(given, str) else given
        return [
            record
            for record in list(records)
            if record["ServiceNamespace"] == params["ServiceNamespace"]
            and (not resources or record["ResourceId"] in resources)
            and params.get("ScalableDimension") in (None, record["ScalableDimension"])
        ]

    def _tagged(self, params: Mapping[str, Any]) -> dict[str, str]:
        arn = params["ResourceARN"]
        if all(target["ScalableTargetARN"] != arn for target in self._state.targets.values()):
            raise ServiceError("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")
        return self._state.tags.setdefault(arn, {})

    def _tag(self, params: dict[str, Any]) -> dict[str, Any]:
        self._tagged(params).update(params["Tags"])
        return {}

    def _untag(self, params: dict[str, Any]) -> dict[str, Any]:
        tags = self._tagged(params)
        for key in params["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self._tagged(params))}


def _with_alarms(policy: Record) -> Record:
    """A step policy's alarms are those that somebody made with the policy as their action."""
    from ministack.services import cloudwatch

    if policy["PolicyType"] != "StepScaling":
        return policy
    alarms = [
        {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
        for alarm in list(cloudwatch._alarms.values())
        if policy["PolicyARN"] in [*alarm["AlarmActions"], *alarm["OKActions"], *alarm["InsufficientDataActions"]]
    ]
    return policy | ({"Alarms": alarms} if alarms else {})


def _page(member: str, records: list[Record], params: Mapping[str, Any]) -> dict[str, Any]:
    """One page of records without their private members; the token is the position of the next."""
    token = str(params.get("NextToken") or "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token supplied was invalid")
    first, most = int(token), int(params.get("MaxResults") or 50)
    shown = [
        {key: value for key, value in record.items() if not key.startswith("_")}
        for record in records[first : first + most]
    ]
    more = {"NextToken": str(first + most)} if len(records) > first + most else {}
    return {member: shown, **more}
