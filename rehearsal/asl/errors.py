"""Error names of Step Functions, and the two ways in which a line of control ends early."""

from typing import Any

ALL = "States.ALL"
BRANCH_FAILED = "States.BranchFailed"
DATA_LIMIT = "States.DataLimitExceeded"
EXCEED_TOLERATED = "States.ExceedToleratedFailureThreshold"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
INTRINSIC_FAILURE = "States.IntrinsicFailure"
ITEM_READER_FAILED = "States.ItemReaderFailed"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
PARAMETER_PATH_FAILURE = "States.ParameterPathFailure"
PERMISSIONS = "States.Permissions"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
RESULT_PATH_MATCH_FAILURE = "States.ResultPathMatchFailure"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"


class StatesError(Exception):
    """A state failed with an error name and a cause, as Retry and Catch see them.

    `from_branch` marks the error of a Parallel branch, which States.BranchFailed names as well. `location` is the
    field whose JSONata failed.
    """

    def __init__(self, error: str, cause: str, *, from_branch: bool = False, location: str = "") -> None:
        self.error, self.cause = error, cause
        self.from_branch, self.location = from_branch, location
        super().__init__(f"{error}: {cause}")

    def output(self) -> dict[str, Any]:
        """What a catcher receives."""
        return {"Error": self.error, "Cause": self.cause}


class CancelledError(Exception):
    """This line of control was ended from outside: nobody waits for what it would still say."""


class RequestError(Exception):
    """A call of the Step Functions API is refused, with the service's code and message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")
