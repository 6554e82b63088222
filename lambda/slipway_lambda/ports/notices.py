"""Telling people."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from slipway_lambda.ports.clients import client


class Notices(Protocol):
    """Sends a notice."""

    def publish(self, subject: str, message: Mapping[str, Any]) -> None:
        """To everyone subscribed."""


class SnsNotices:
    """The real ones."""

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    def publish(self, subject: str, message: Mapping[str, Any]) -> None:
        client("sns").publish(TopicArn=self._topic_arn, Subject=subject, Message=json.dumps(message))
