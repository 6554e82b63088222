"""The one table of places where the emulator is changed. The cloud refuses to start if any of them is not as expected.

A hook's target is a module attribute. `expects` is the first 12 hex digits of the SHA-256 of a function's source, or
`type:<name>` for anything else. Nothing else of the emulator is touched, and no file of it is edited.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal import alarms, builds, requests
from rehearsal.bus import dispatch as event_bus
from rehearsal.bus import schedules
from rehearsal.cfn import conditions as cfn_conditions
from rehearsal.cfn import front as cfn_front
from rehearsal.cfn import types as cfn_types
from rehearsal.functions import interpreter as functions
from rehearsal.functions import invoke as lambda_invoke
from rehearsal.functions import retries as lambda_async
from rehearsal.iam import enforcement, ownpolicies
from rehearsal.runtime import Runtime
from rehearsal.states import workflows

EMULATOR_VERSION = "1.5.33"


@dataclass(frozen=True)
class Hook:
    """One changed attribute: `replace(original, runtime)` gives what stands there afterwards."""

    module: str
    attribute: str
    expects: str
    replace: Callable[[Any, Runtime], Any]
    why: str

    @property
    def name(self) -> str:
        """Dotted path of the target."""
        return f"{self.module}.{self.attribute}"


class HookMismatchError(Exception):
    """The installed emulator is not the one the hooks were written for."""


_SFN = "ministack.services.stepfunctions"
_CW = "ministack.services.cloudwatch"
_SCHEDULER = "ministack.services.scheduler"
_IAM = "ministack.core.iam_actions"
_EVALUATOR = "ministack.core.iam_evaluator"
_BUS = "ministack.services.eventbridge"

HOOKS = (
    Hook(
        "ministack.app",
        "SERVICE_HANDLERS",
        "type:dict",
        requests.handlers,
        "SageMaker is a service; ECR refuses missing images",
    ),
    Hook(
        "ministack.core.router",
        "SERVICE_PATTERNS",
        "type:dict",
        requests.patterns,
        "a scope it does not know makes it load all of botocore's models: 300 MB and 2 s",
    ),
    Hook(_IAM, "extract_iam_action", "ec476b92d969", requests.iam_action, "SageMaker actions are IAM actions"),
    Hook(_IAM, "extract_resource_arn", "82f51700695c", requests.resource_arn, "SageMaker ARNs"),
    Hook(
        _IAM,
        "request_tag_context",
        "d46adb816e02",
        requests.condition_keys,
        "sagemaker: and cloudwatch: condition keys",
    ),
    Hook(_EVALUATOR, "enforce", "cf64b1ee5b09", enforcement.enforce, "our evaluator decides; every decision is kept"),
    Hook(
        _EVALUATOR,
        "evaluate_resource_policy",
        "e49ce7161ad6",
        ownpolicies.resource_policy,
        "services deliver as service principals; conditions, NotPrincipal",
    ),
    Hook(
        _EVALUATOR, "evaluate_trust_policy", "4b50aa29ad29", ownpolicies.trust, "trust and own policies of who assumes"
    ),
    Hook(_BUS, "time", "type:module", event_bus.module_time, "events, archives and replays on cloud time"),
    Hook(
        _BUS,
        "_dispatch_event",
        "d1bfe064f602",
        event_bus.dispatch_event,
        "targets by role or policy, retries, dead-letter queues, lost and repeated events",
    ),
    Hook(_BUS, "_tick_scheduled_rules", "11eebed44e38", schedules.tick_rules, "schedules of rules on cloud time"),
    Hook(_EVALUATOR, "validate_policy_document", "1b9ec79ea08b", ownpolicies.validate, "what IAM refuses is not kept"),
    Hook(
        _SFN,
        "_start_execution",
        "9923282fc76c",
        workflows.start_execution,
        "the bus, Scheduler and Pipes start executions of ours",
    ),
    Hook(
        _SFN, "now_iso", "f75b8f211421", workflows.now_iso, "machines, versions and aliases are stamped with cloud time"
    ),
    Hook(_CW, "time", "type:module", alarms.module_time, "metrics and alarms on cloud time"),
    Hook(_SCHEDULER, "time", "type:module", event_bus.module_time, "schedules begin at a cloud time"),
    Hook(
        _SCHEDULER,
        "_tick_schedules",
        "0ece514e9120",
        schedules.tick,
        "due times on cloud time, context attributes, target role",
    ),
    Hook(
        "ministack.services.codebuild",
        "_start_build",
        "661025bbce1e",
        builds.start_build,
        "build images without Docker",
    ),
    Hook(
        "ministack.services.lambda_svc",
        "_execute_function",
        "3ceb16d6480a",
        lambda_invoke.execute,
        "Python functions as the service runs them: errors, limits, log, metrics",
    ),
    Hook(
        "ministack.services.lambda_svc",
        "invoke_async_with_retry",
        "289fe4d3cbd4",
        lambda_async.invoke_async,
        "retries, event age and destinations on cloud time, under the function's role",
    ),
    Hook(
        "ministack.core.lambda_runtime",
        "_detect_runtime_binary",
        "222e200df2c0",
        functions.runtime_binary,
        "a bare interpreter",
    ),
    Hook(
        "ministack.services.cloudformation.provisioners",
        "_RESOURCE_HANDLERS",
        "type:dict",
        cfn_types.handlers,
        "resource types the emulator lacks",
    ),
    Hook(
        "ministack.services.cloudformation.stacks",
        "_evaluate_conditions",
        "e7f9e29b6c01",
        cfn_conditions.evaluated,
        "functions inside conditions",
    ),
    Hook(
        "ministack.services.cloudformation.engine",
        "_resolve_refs",
        "e8c53253cae6",
        cfn_front.resolve,
        "Fn::GetStackOutput of another region or account",
    ),
    Hook(
        "ministack.services.cloudformation.stacks",
        "_runs_on_worker_thread",
        "23955511141f",
        cfn_types.on_worker_thread,
        "our types wait for endpoints and call APIs: not on the event loop",
    ),
)


def fingerprint(target: Any) -> str:
    """What `Hook.expects` is compared with."""
    if inspect.isfunction(target):
        return hashlib.sha256(inspect.getsource(target).encode()).hexdigest()[:12]
    return f"type:{type(target).__name__}"


def check(hooks: tuple[Hook, ...] = HOOKS) -> None:
    """Raise HookMismatchError naming every target that is missing or not the one expected."""
    wrong = [fault for hook in hooks if (fault := _fault(hook))]
    if wrong:
        raise HookMismatchError(
            f"the installed emulator is not ministack {EMULATOR_VERSION} as locked: " + "; ".join(wrong)
        )


def _fault(hook: Hook) -> str | None:
    try:
        target = getattr(importlib.import_module(hook.module), hook.attribute)
    except (ImportError, AttributeError) as error:
        return f"{hook.name}: {error}"
    found = fingerprint(target)
    return None if found == hook.expects else f"{hook.name}: expected {hook.expects}, found {found}"


def install(runtime: Runtime, hooks: tuple[Hook, ...] = HOOKS) -> None:
    """Check every target first, then replace them all."""
    check(hooks)
    for hook in hooks:
        module = importlib.import_module(hook.module)
        setattr(module, hook.attribute, hook.replace(getattr(module, hook.attribute), runtime))
