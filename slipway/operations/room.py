"""Whether the account's quotas leave room for what a plan would do, by the release machine's own arithmetic."""

from slipway.operations.planning import Preview
from slipway.operations.target import Target
from slipway_lambda.check_preflight.quota import check_quota
from slipway_lambda.contracts.release import Decision, PreflightRefusedError
from slipway_lambda.ports.occupancy import SageMakerOccupancy
from slipway_lambda.ports.quotas import ServiceQuotas


def room(target: Target, preview: Preview) -> str:
    """In words; empty where nothing would be shifted. A quota that this caller may not read is told as not checked."""
    if not preview.goes or preview.plan["decision"] == Decision.VERIFY_ONLY:
        return ""
    quotas = ServiceQuotas(target.where.client("service-quotas"))
    fleets = SageMakerOccupancy(target.where.client("sagemaker"))
    try:
        return check_quota(preview.spec, preview.plan["config"], quotas, fleets)
    except PreflightRefusedError as refusal:
        return f"It would be refused. {refusal.cause} {refusal.next_step}"
