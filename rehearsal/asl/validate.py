"""Checks of a request to start an execution."""

import json
import re

from rehearsal.asl.errors import RequestError
from rehearsal.asl.values import too_large

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
LONGEST_NAME = 80


def execution_name(name: str) -> str:
    """The name, if it is one. Raises InvalidName."""
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or _FORBIDDEN.search(name):
        raise RequestError("InvalidName", f"Invalid Name: '{name}'")
    return name


def execution_input(text: str) -> str:
    """The input, if it is JSON and small enough. Raises InvalidExecutionInput or ValidationException."""
    try:
        json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None
    if too_large(text):
        raise RequestError(
            "ValidationException",
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less "
            "than or equal to 262144",
        )
    return text
