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

from rehearsal import alarms, builds, cfn_types, functions, requests, schedules, workflows
from rehearsal.runtime import Runtime

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
    Hook("ministack.core.iam_evaluator", "enforce", "cf64b1ee5b09", requests.enforce, "write every decision down"),
    Hook(
        "ministack.app",
        "call_service_handler_sync",
        "64e0d7e63500",
        workflows.guard_calls,
        "the machine's role on SDK tasks",
    ),
    Hook(
        _SFN, "_execute_task", "53c818d247db", workflows.execute_task, "know which execution and role a task belongs to"
    ),
    Hook(
        _SFN,
        "_invoke_resource",
        "a85d2be9a858",
        workflows.invoke_resource,
        "SageMaker tasks; the role on optimised tasks",
    ),
    Hook(_SFN, "_invoke_with_callback", "bbb38423156a", workflows.invoke_with_callback, "the role on task-token tasks"),
    Hook(_SFN, "_run_execution", "996dff84e0e0", workflows.run_execution, "TimeoutSeconds of the machine"),
    Hook(_SFN, "_fail_execution", "e6da895fa0b7", workflows.fail_execution, "an aborted execution stays aborted"),
    Hook(
        _SFN,
        "_scaled_sleep",
        "5ed19df2efa9",
        workflows.scaled_sleep,
        "waits and retries on cloud time, ended by StopExecution",
    ),
    Hook(_SFN, "_sleep_until", "2738e0a4030c", workflows.sleep_until, "Wait until a cloud time"),
    Hook(_SFN, "now_iso", "f75b8f211421", workflows.now_iso, "EnteredTime, StartTime and history on cloud time"),
    Hook(
        _SFN,
        "_register_sfn_jsonata_functions",
        "907f3ecf2da3",
        workflows.jsonata_functions,
        "$now() and $millis() on cloud time",
    ),
    Hook(
        _SFN,
        "_run_parallel_branches",
        "b8c7f6915297",
        workflows.parallel,
        "JSONata Arguments, Output and Assign of Parallel",
    ),
    Hook(_SFN, "_apply_output_path", "e9cfd0067244", workflows.succeed_output, "JSONata Output of Succeed"),
    Hook(_CW, "time", "type:module", alarms.module_time, "metrics and alarms on cloud time"),
    Hook(_CW, "_evaluate_alarm", "a0b0acd3d432", alarms.evaluate_alarm, "dimensions, periods, M of N, missing data"),
    Hook(_CW, "_dispatch_alarm_actions", "fcf47c0d1e6e", alarms.dispatch, "the EventBridge event and Lambda actions"),
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
        "_execute_function_warm",
        "62b9218bef5b",
        functions.error_type,
        "errorType is the exception's class",
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
