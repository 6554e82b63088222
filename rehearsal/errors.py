"""Errors of the embedded cloud, each with the way out."""


class CloudError(Exception):
    """Something is wrong with the embedded cloud; `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message}. {fix}")
        self.message = message
        self.fix = fix


class CloudNotRunningError(CloudError):
    """No cloud runs in this state directory."""


class CloudInUseError(CloudError):
    """Another cloud runs in this state directory."""


class DeployError(CloudError):
    """The CDK command failed; `output` holds its last lines."""

    def __init__(self, message: str, fix: str, output: str = "") -> None:
        super().__init__(message, fix)
        self.output = output
