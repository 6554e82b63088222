"""What can stop the demo, each with a stable code and its fix."""


class DemoError(Exception):
    """`code` never changes its meaning; `what` says what happened and where; `fix` says what to do."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        self.code = code
        self.what = what
        self.fix = fix
        super().__init__(f"{code}: {what} Fix: {fix}")


# The codes, in one place so that docs/demo.md and tests can list them.
ALREADY_RUNNING = "SLW901"
NO_SPACE = "SLW902"
DATA_UNAVAILABLE = "SLW903"
DATA_CHANGED = "SLW904"
SYNTH_FAILED = "SLW905"
CLOUD_FAILED = "SLW906"
EXECUTION_FAILED = "SLW907"
WAITED_TOO_LONG = "SLW908"
CLIENT_DIED = "SLW909"
NOT_AS_IT_SHOULD_BE = "SLW910"
NO_DRIFT = "SLW911"
DECLARATIONS = "SLW912"
INTERRUPTED = "SLW913"
