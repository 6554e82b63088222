"""Which commit of the checkout is synthesised: as somebody says, since synth asks nobody, not even git."""

import re

from slipway.config.errors import Code, DeclarationError, Fault
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT

_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,127}\Z")


def said_commit(context: object, pipeline: str | None) -> str:
    """`context`: of `-c commit=…`; `pipeline`: CODEBUILD_RESOLVED_SOURCE_VERSION, which a build sets; neither:
    "unknown". Raises DeclarationError.
    """
    for where, said in (("-c commit", context), ("CODEBUILD_RESOLVED_SOURCE_VERSION", pipeline)):
        if said is None or said == "":
            continue
        if not isinstance(said, str) or not _FORM.match(said):
            why = "is no commit: 1 to 128 letters, digits and . _ / + -"
            fix = "cdk deploy -c commit=$(git rev-parse HEAD), or leave it out"
            raise DeclarationError([Fault(where, 0, 0, Code.BAD_FORMAT, "", repr(said)[:80], why, fix)])
        return said
    return UNKNOWN_COMMIT
