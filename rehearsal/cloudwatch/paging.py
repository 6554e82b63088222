"""Pages of GetMetricData and ListMetrics: where one ends and the next begins, in an opaque token.

A token names the last thing that was shown, not a count of things, so that what is stored between two pages neither
repeats nor hides anything. It holds for the same request only.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal.cloudwatch.definitions import wrong
from rehearsal.sagemaker.errors import ServiceError

MOST_DATAPOINTS = 100_800
_STARTS_A_PAGE = ("NextToken", "MaxDatapoints")


def token(params: Mapping[str, Any], last: Sequence[Any]) -> str:
    """What continues this request after `last`."""
    return base64.urlsafe_b64encode(json.dumps([_digest(params), *last]).encode()).decode()


def after(params: Mapping[str, Any], length: int) -> list[Any] | None:
    """The `last` of the request's token, of so many parts; None for a first page. Raises ServiceError."""
    given = params.get("NextToken")
    if not given:
        return None
    try:
        digest, *last = json.loads(base64.urlsafe_b64decode(str(given).encode()))
    except (ValueError, TypeError, binascii.Error):
        digest, last = "", []
    if digest != _digest(params) or len(last) != length:
        raise ServiceError(
            "InvalidNextToken",
            "The next token specified is invalid: it continues another request, or none. Send it with the parameters "
            "of the request that returned it.",
        )
    return list(last)


def of_datapoints(params: Mapping[str, Any], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The page of whole `results` that is asked for: at most MaxDatapoints values, in the order of their time.

    Every result is on every page, with what of it falls there; `PartialData` says that more of it follows.
    """
    given = params.get("MaxDatapoints")
    most = MOST_DATAPOINTS if given is None else int(given)
    if not 1 <= most <= MOST_DATAPOINTS:
        raise wrong(f"The parameter MaxDatapoints must be between 1 and {MOST_DATAPOINTS}.")
    sign = 1 if params.get("ScanBy") == "TimestampAscending" else -1
    order = sorted(
        (sign * at, number, place)
        for number, result in enumerate(results)
        for place, at in enumerate(result["Timestamps"])
    )
    start = after(params, 2)
    if start is not None:
        order = [one for one in order if [one[0], one[1]] > start]
    page, rest = order[:most], order[most:]
    more = {number for _, number, _ in rest}
    shown = []
    for number, result in enumerate(results):
        places = [place for _, of, place in page if of == number]
        shown.append(
            result
            | {name: [result[name][place] for place in places] for name in ("Timestamps", "Values")}
            | {"StatusCode": "PartialData" if number in more else "Complete"}
        )
    return {"MetricDataResults": shown, **({"NextToken": token(params, page[-1][:2])} if rest else {})}


def _digest(params: Mapping[str, Any]) -> str:
    held = {key: value for key, value in params.items() if key not in _STARTS_A_PAGE}
    return hashlib.sha256(json.dumps(held, sort_keys=True, default=str).encode()).hexdigest()[:16]
