"""The engine's table of resource types with ours in it. A type in neither is refused before anything is made."""

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.cfn import network, others, sagemaker
from rehearsal.cfn.alarms import Alarm
from rehearsal.cfn.autoscaling import ScalableTarget, ScalingPolicy
from rehearsal.cfn.budget import Budget
from rehearsal.cfn.calls import Calls
from rehearsal.cfn.front import by_path
from rehearsal.cfn.policies import InlinePolicy
from rehearsal.cfn.resource import Resource
from rehearsal.runtime import Runtime
from rehearsal.states import definitions

KINDS = (*sagemaker.KINDS, *others.KINDS, *network.KINDS)
_MORE: dict[str, Callable[[Calls], Any]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget,
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy,
    "AWS::Budgets::Budget": Budget,
    "AWS::CloudWatch::Alarm": lambda calls: Alarm(calls, "PutMetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": lambda calls: Alarm(calls, "PutCompositeAlarm"),
    "AWS::SNS::TopicInlinePolicy": lambda calls: InlinePolicy(calls, "sns"),
    "AWS::SQS::QueueInlinePolicy": lambda calls: InlinePolicy(calls, "sqs"),
}
_OF_AN_ACCOUNT = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::InstanceProfile")


def handlers(original: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
    """Add our types to the engine's table, in place: the engine's modules have imported it."""
    calls = Calls(runtime)
    for kind in KINDS:
        original[kind.type] = Resource(kind, calls).handlers()
    machine = "AWS::StepFunctions::StateMachine"
    original[machine] = definitions.checked_machine(original[machine])
    for name, make in _MORE.items():
        original[name] = make(calls).handlers()
    for name in _OF_AN_ACCOUNT:
        original[name] = {**original[name], "create": _named_by_region(original[name]["create"], runtime.region)}
    vpc = original["AWS::EC2::VPC"]
    original["AWS::EC2::VPC"] = {**vpc, **{name: _with_range(vpc[name]) for name in ("create", "update")}}
    nested = original["AWS::CloudFormation::Stack"]
    original["AWS::CloudFormation::Stack"] = {
        **nested,
        **{name: _by_path(nested[name]) for name in ("create", "update") if name in nested},
    }
    return runtime.authority.stacks.guarded(original)


def _named_by_region(create: Callable[..., Any], home: str) -> Callable[..., Any]:
    """Generated names of what an account has once, for all regions: else one stack in two regions would share it."""

    def handle(*arguments: Any) -> Any:
        from ministack.core.responses import get_region
        from ministack.services.cloudformation import provisioners

        if not provisioners._NAME_SEED.get() and get_region() != home:
            provisioners._NAME_SEED.set(get_region())  # the engine keeps it with the resource
        return create(*arguments)

    return handle


def _with_range(handler: Callable[..., Any]) -> Callable[..., Any]:
    """GetAtt of a VPC's CidrBlock, which the emulator's type lacks."""

    def handle(*arguments: Any) -> Any:
        from ministack.services import ec2

        identity, attributes = handler(*arguments)
        return identity, {"CidrBlock": ec2._vpcs[identity]["CidrBlock"], "VpcId": identity, **attributes}

    return handle


def _by_path(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A nested template may be named by either form of S3's URLs; the emulator knows the one with the bucket's path."""

    def handle(*arguments: Any) -> Any:
        return handler(
            *(
                {**one, "TemplateURL": by_path(str(one["TemplateURL"]))}
                if isinstance(one, Mapping) and "TemplateURL" in one
                else one
                for one in arguments
            )
        )

    return handle


def on_worker_thread(original: Callable[[str], bool], _: Runtime) -> Callable[[str], bool]:
    """Our types wait (for an endpoint, for an API call): never on the event loop that must answer meanwhile."""
    ours = frozenset({*(kind.type for kind in KINDS), *_MORE})

    def waits(resource_type: str) -> bool:
        return resource_type in ours or original(resource_type)

    return waits
