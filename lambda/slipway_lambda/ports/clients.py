"""One boto3 client a service and environment, made at its first use: importing boto3 is most of a cold start."""

from functools import cache
from typing import Any


@cache
def client(service: str) -> Any:
    """The client of a service, shared by all calls of this environment."""
    import boto3

    return boto3.client(service)  # type: ignore[call-overload]
