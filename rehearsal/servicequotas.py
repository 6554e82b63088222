"""Service Quotas: what an account may have of SageMaker, as its API lists it.

SageMaker itself holds to the same figures, so that a quota that is set here (`Cloud.quota`) is read here and refused
there.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from rehearsal.adapter import Response, error, scope_of_request
from rehearsal.host import Scope
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.shapes import check

NAME = "servicequotas"
DIFFERENCES = (
    "Service Quotas: only SageMaker's quotas of instances and of serverless endpoints are there; their codes are made"
    " up, their defaults are wide, and one value counts for all accounts and Regions and is forgotten when the cloud"
    " ends. Increases are not asked for but set: `slipway cloud quota`.",
)
_PAGE = 100


@cache
def model() -> Any:
    """botocore's model of the service."""
    from botocore.session import get_session

    return get_session().get_service_model("service-quotas")


class ServiceQuotas:
    """One for the cloud."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._actions: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
            "ListServiceQuotas": lambda params: self._listed(params, now=True),
            "ListAWSDefaultServiceQuotas": lambda params: self._listed(params, now=False),
            "GetServiceQuota": lambda params: self._one(params, now=True),
            "GetAWSDefaultServiceQuota": lambda params: self._one(params, now=False),
        }

    async def handle_request(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
    ) -> Response:
        """One request, authenticated and authorised already."""
        action = headers.get("x-amz-target", "").split(".")[-1]
        if action not in self._actions:
            known = action in model().operation_names
            why = "is not one that the embedded cloud runs" if known else "is not an action of Service Quotas"
            return error("UnknownOperationException", f"{action} {why}.")
        try:
            params = check(model().operation_model(action).input_shape, json.loads(body or b"{}"))
            answer = self._actions[action](params)
        except ServiceError as fault:
            code = "IllegalArgumentException" if fault.code == "ValidationException" else fault.code
            return error(code, fault.message, fault.status)
        except ValueError as fault:
            return error("IllegalArgumentException", str(fault))
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    def _listed(self, params: dict[str, Any], *, now: bool) -> dict[str, Any]:
        quotas = self._quotas(params, now=now)
        if code := params.get("QuotaCode"):
            quotas = [one for one in quotas if one["QuotaCode"] == code]
        start = _position(params.get("NextToken"))
        end = start + int(params.get("MaxResults", _PAGE))
        rest = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(quotas) else {}
        return {"Quotas": quotas[start:end], **rest}

    def _one(self, params: dict[str, Any], *, now: bool) -> dict[str, Any]:
        for quota in self._quotas(params, now=now):
            if quota["QuotaCode"] == params["QuotaCode"]:
                return {"Quota": quota}
        raise _unknown(f"There is no quota {params['QuotaCode']} of service {params['ServiceCode']}.")

    def _quotas(self, params: dict[str, Any], *, now: bool) -> list[dict[str, Any]]:
        if params["ServiceCode"] != "sagemaker":
            raise _unknown(f"Service {params['ServiceCode']} is not there: here are those of sagemaker.")
        scope, values = scope_of_request(), self._runtime.sagemaker.quotas(now=now)
        return [_shown(name, value, scope) for name, value in values.items()]


def _shown(name: str, value: int, scope: Scope) -> dict[str, Any]:
    code = "L-" + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{scope.region}:{scope.account}:sagemaker/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _position(token: str | None) -> int:
    try:
        return int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError):
        raise ServiceError("InvalidPaginationTokenException", "The pagination token is not valid.") from None


def _unknown(message: str) -> ServiceError:
    return ServiceError("NoSuchResourceException", message)
