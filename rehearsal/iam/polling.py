"""Event source mappings: Lambda polls with the function's role, and sees to it when a mapping is made that it may.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#events-sqs-permissions
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-create-package.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from rehearsal.authority import Authority, DeniedError
from rehearsal.host import Scope
from rehearsal.permissions import Need

_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator")
_POLLS = {"sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"), "dynamodb": _STREAM, "kinesis": _STREAM}
_NAMES = {"sqs": "SQS", "dynamodb": "DynamoDB", "kinesis": "Kinesis"}


def refusal(authority: Authority, function: str, source_arn: str, scope: Scope) -> tuple[str, str] | None:
    """(code, message) if the function's role may not read from the source; None if it may, or there is none to ask."""
    from ministack.services import lambda_svc

    from rehearsal.emulator import within

    service = source_arn.split(":")[2] if source_arn.count(":") >= 5 else ""
    _, config, _ = within(scope, lambda_svc._get_func_record_for_ref, function)
    role = str((config or {}).get("Role") or "")
    if service not in _POLLS or not role.startswith("arn:"):
        return None
    for action in _POLLS[service]:
        try:
            authority.require(role, "Lambda", [Need(f"{service}:{action}", source_arn)], scope)
        except DeniedError:
            words = f"The function execution role does not have permissions to call {action} on {_NAMES[service]}"
            return "InvalidParameterValueException", words
    return None
