"""The account's service quotas of SageMaker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from slipway_lambda.contracts.errors import SlipwayError


class QuotasUnreadableError(SlipwayError):
    """Service Quotas, or what already uses a quota, could not be read."""


@dataclass(frozen=True)
class Quota:
    """`code` is what an increase is asked for by."""

    name: str
    code: str
    value: int


class Quotas(Protocol):
    """Looks quotas up."""

    def find(self, name: str) -> Quota | None:
        """The account's quota of that name, or None where the service lists none. Raises QuotasUnreadableError."""


class ServiceQuotas:
    """The real ones, of a `service-quotas` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def find(self, name: str) -> Quota | None:
        # What was never changed may be listed among the defaults alone.
        return self._listed("list_service_quotas", name) or self._listed("list_aws_default_service_quotas", name)

    def _listed(self, operation: str, name: str) -> Quota | None:
        """Codes differ for each instance type and are in no table: found by name, on whichever page."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for one in pages(getattr(self._client, operation), "Quotas", ServiceCode="sagemaker"):
                if one["QuotaName"] == name and "Value" in one:
                    return Quota(name, one["QuotaCode"], int(one["Value"]))
        except (ClientError, BotoCoreError) as error:
            raise QuotasUnreadableError(f"Service Quotas cannot be read: {' '.join(str(error).split())}") from error
        return None


def pages(operation: Callable[..., dict[str, Any]], member: str, **request: str | int) -> Iterator[dict[str, Any]]:
    """All rows of a list call, page after page."""
    more: dict[str, str] = {}
    while True:
        page = operation(**request, **more, MaxResults=100)
        yield from page[member]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}
