"""The one message a person gets at the end of a workflow that has something to say. JSON, on the environment's topic.

`what` release | training | monitoring; `outcome` a word of the workflow's own contract; `cause` and `next_step` are
sentences.
"""

KEYS = (
    "what",
    "model",
    "environment",
    "version",
    "outcome",
    "cause",
    "next_step",
    "execution",
)


def subject(what: str, model: str, outcome: str) -> str:
    """Subject line of the mail; SNS allows 100 ASCII characters."""
    return f"{model}: {what} {outcome}"[:100]
