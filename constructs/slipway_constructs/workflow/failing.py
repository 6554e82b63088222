"""What a machine remembers of a failure: where, what and why, in words a person can read."""

import json
from typing import Any

from slipway_constructs.workflow.chain import expression

VARIABLE = "failure"

_READABLE = """
$raw := $exists($states.errorOutput.Cause) ? $string($states.errorOutput.Cause) : "";
$json := $substring($raw, 0, 1) = "{" and $substring($raw, -1) = "}" ? $parse($raw) : {};
$texts := $filter([$json.ExitMessage, $json.FailureReason, $json.errorMessage, $raw], function($t) {
  $type($t) = "string" and $t != "" });
$text := $count($texts) > 0 ? $texts[0] : "It gave no cause.";
$parts := $split($text, " Next step: ");
"""


def remember(state: str, next_step: str) -> dict[str, Any]:
    """The Assign of a Catch: `failure` {state, error, cause, next_step}.

    The cause of a job or a function is JSON with the useful sentence somewhere in it; other causes are text already. A
    failure that says its own next step, as ours do, overrides the one given here.
    """
    return {
        VARIABLE: expression(
            f"({_READABLE}"
            f'{{"state": {json.dumps(state)}, "error": $states.errorOutput.Error,'
            f' "cause": $substring($parts[0], 0, 800),'
            f' "next_step": $count($parts) > 1 ? $substring($parts[1], 0, 400) : {json.dumps(next_step)}}})'
        )
    }
