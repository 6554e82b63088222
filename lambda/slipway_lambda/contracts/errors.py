"""The base of every failure that a state machine tells apart by name."""


class SlipwayError(Exception):
    """What went wrong, and what to do about it.

    Lambda reports the class's name as `errorType`, which is what a Catch matches; so names are part of the contract
    and end in `Error`.
    """

    def __init__(self, cause: str, next_step: str = "") -> None:
        self.cause = cause
        self.next_step = next_step
        super().__init__(f"{cause} Next step: {next_step}" if next_step else cause)


class BadEventError(SlipwayError):
    """The handler's input lacks a key or has one of the wrong type. A bug in the caller, never retried."""


class MissingSettingError(SlipwayError):
    """An environment variable of the function is not set. A bug in the stack, never retried."""
