"""The Resource of a Task state."""

import re
from dataclasses import dataclass
from functools import lru_cache

_INTEGRATION = re.compile(
    r"arn:(?P<partition>aws[\w-]*):states:(?P<region>[\w-]*):(?P<account>\d*):"
    r"(?P<sdk>aws-sdk:)?(?P<service>[\w-]+):(?P<action>\w+)(?P<pattern>\.sync(?::2)?|\.waitForTaskToken)?"
)
_ACTIVITY = re.compile(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:activity:[^\s:]+")
_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?")

SYNC, SYNC_2, CALLBACK = ".sync", ".sync:2", ".waitForTaskToken"


@dataclass(frozen=True)
class Resource:
    """`kind` is "lambda" (a function's own ARN), "activity", "optimised" or "sdk"; `pattern` one of the above or ""."""

    arn: str
    kind: str
    service: str
    action: str
    pattern: str = ""

    @property
    def type(self) -> str:
        """resourceType of history events."""
        return f"aws-sdk:{self.service}" if self.kind == "sdk" else self.service

    @property
    def name(self) -> str:
        """resource of history events."""
        return self.action + self.pattern

    @property
    def is_function(self) -> bool:
        """It invokes a Lambda function."""
        return self.kind == "lambda" or (self.kind == "optimised" and self.service == "lambda")

    @property
    def sync(self) -> bool:
        """It waits for what it starts."""
        return self.pattern in (SYNC, SYNC_2)

    @property
    def callback(self) -> bool:
        """It waits for its task token to come back."""
        return self.pattern == CALLBACK


@lru_cache(maxsize=1024)
def parse(arn: str) -> Resource | None:
    """None if it is not the ARN of anything a Task can run."""
    if _FUNCTION.fullmatch(arn):
        return Resource(arn, "lambda", "lambda", "invoke")
    if _ACTIVITY.fullmatch(arn):
        return Resource(arn, "activity", "states", "activity")
    found = _INTEGRATION.fullmatch(arn)
    if found is None:
        return None
    return Resource(
        arn, "sdk" if found["sdk"] else "optimised", found["service"], found["action"], found["pattern"] or ""
    )
