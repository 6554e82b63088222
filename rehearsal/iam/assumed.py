"""Whether a service may take on the role it is given: the role's trust policy, with what the service says of itself.

https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.authority import Authority
from rehearsal.host import Scope
from rehearsal.iam import callers
from rehearsal.iam.evaluate import Policies, Request, evaluate
from rehearsal.iam.resources import policy_source
from rehearsal.permissions import Need, roles_in

# Error code and words of each service for a role that does not trust it.
_WORDS = {
    "lambda": ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
    "states": (
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
        "provided role.",
    ),
    "scheduler": (
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    ),
    "codebuild": (
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole on {role}",
    ),
    "sagemaker": (
        "ValidationException",
        "Could not assume role {role}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    ),
}
# SageMaker names itself by the job; for inference, and where nothing is documented, by the account with a literal "*".
_SAGEMAKER_SOURCES = {
    "CreateTrainingJob": ("TrainingJobName", "training-job"),
    "CreateProcessingJob": ("ProcessingJobName", "processing-job"),
    "CreateCompilationJob": ("CompilationJobName", "compilation-job"),
    "CreatePipeline": ("PipelineName", "pipeline"),
    "UpdatePipeline": ("PipelineName", "pipeline"),
}


def refusal(authority: Authority, service: str, role_arn: str, source_arn: str, scope: Scope) -> tuple[str, str] | None:
    """(code, message) of the service if the role does not trust it; None if it does, or if there is no such role."""
    from ministack.services import iam

    account, name = role_arn.split(":")[4] if role_arn.count(":") >= 5 else "", role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name) if account else None
    if role is None:
        return None
    prefix = f"arn:aws:{service.partition('.')[0]}:{scope.region}:{scope.account}:"
    caller = callers.of_service(service, source_arn or f"{prefix}*", scope.account)
    trust = policy_source(f"trust policy of {name}", role.get("AssumeRolePolicyDocument"))
    keys: Mapping[str, Any] = {**caller.keys, "aws:requestedregion": scope.region, "aws:securetransport": "true"}
    request = Request(caller.principal, "sts:AssumeRole", role_arn, keys)
    decision = evaluate(request, Policies(resource=trust, owner=account, closed=True))
    authority.note(caller, Need("sts:AssumeRole", role_arn), decision)
    if decision.allowed:
        return None
    words = f"{service} is not authorized to assume role {role_arn}"
    code, text = _WORDS.get(service.partition(".")[0], ("InvalidParameterValueException", words))
    return code, text.format(role=role_arn)


def sagemaker_refusal(
    authority: Authority, action: str, params: Mapping[str, Any], scope: Scope
) -> tuple[str, str] | None:
    """The same for every role in a request to SageMaker that hands roles over."""
    if not action.startswith(("Create", "Update", "Start")):
        return None
    prefix = f"arn:aws:sagemaker:{scope.region}:{scope.account}:"
    member, kind = _SAGEMAKER_SOURCES.get(action, ("", ""))
    source = f"{prefix}{kind}/{params.get(member)}" if member else f"{prefix}*"
    for role in sorted(roles_in(params)):
        if (refused := refusal(authority, "sagemaker.amazonaws.com", role, source.lower(), scope)) is not None:
            return refused
    return None


class Trusting:
    """The embedded SageMaker behind a look at the trust policies of the roles it is given."""

    def __init__(self, core: Any, authority: Authority) -> None:
        self._behind, self._authority = core, authority

    def handle(self, action: str, params: dict[str, Any], scope: Scope, principal: str) -> Any:
        """As the core's, once the roles are seen to trust SageMaker. Raises ServiceError."""
        from rehearsal.sagemaker import ServiceError

        refused = sagemaker_refusal(self._authority, action, params, scope)
        if refused is not None:
            raise ServiceError(*refused)
        return self._behind.handle(action, params, scope, principal)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)
