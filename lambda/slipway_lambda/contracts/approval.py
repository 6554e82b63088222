"""The words of an approval: why, by whom and when, on the one line that the registry keeps of it."""

import re

LONGEST_DESCRIPTION = 1024
"""Characters SageMaker takes in ApprovalDescription."""
_TEXT = re.compile(r"(?P<reason>.*) \| by (?P<who>\S+) at (?P<when>\S+)\Z", re.DOTALL)


def approval_text(reason: str, who: str, when: str) -> str:
    """What is written as ApprovalDescription; `read_approval` reads it back."""
    return f"{reason} | by {who} at {when}"[:LONGEST_DESCRIPTION]


def read_approval(description: str) -> dict[str, str]:
    """Reason, who and when of an ApprovalDescription; who and when are empty when somebody else wrote it."""
    match = _TEXT.match(description)
    return match.groupdict() if match else {"reason": description, "who": "", "when": ""}
