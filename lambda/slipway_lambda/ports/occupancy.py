"""What the endpoints of the account run now."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

from slipway_lambda.ports.quotas import QuotasUnreadableError, pages

Described = tuple[dict[str, Any], dict[str, Any]]


class Occupancy(Protocol):
    """Describes endpoints."""

    def described(self, most: int) -> Iterator[Described]:
        """DescribeEndpoint with DescribeEndpointConfig (empty where it is gone) of at most so many endpoints, newest
        first. Raises QuotasUnreadableError.
        """


class SageMakerOccupancy:
    """The real ones, of a `sagemaker` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def described(self, most: int) -> Iterator[Described]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for one in islice(pages(self._client.list_endpoints, "Endpoints"), most):
                if endpoint := self._get("describe_endpoint", EndpointName=one["EndpointName"]):
                    config = endpoint.get("EndpointConfigName", "")
                    yield endpoint, self._get("describe_endpoint_config", EndpointConfigName=config) if config else {}
        except (ClientError, BotoCoreError) as error:
            raise QuotasUnreadableError(f"The endpoints cannot be read: {' '.join(str(error).split())}") from error

    def _get(self, operation: str, **request: str) -> dict[str, Any]:
        """Empty for what was deleted since it was listed."""
        from botocore.exceptions import ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "ValidationException" and "could not find" in told.get("Message", "").lower():
                return {}
            raise
        return answer
