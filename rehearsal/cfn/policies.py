"""Inline policies of topics and queues, which replace the whole policy of the one they name."""

import json
from typing import Any

from rehearsal.cfn.calls import CallError, Calls
from rehearsal.cfn.kinds import Properties
from rehearsal.cfn.resource import Made


class InlinePolicy:
    """`AWS::SNS::TopicInlinePolicy` and `AWS::SQS::QueueInlinePolicy`. Ref is the topic's ARN or the queue's URL."""

    def __init__(self, calls: Calls, service: str) -> None:
        self._calls, self._service = calls, service
        self._of = "TopicArn" if service == "sns" else "Queue"

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, _logical_id: str, properties: Properties, _stack: str) -> Made:
        """Put the policy."""
        document = properties["PolicyDocument"]
        self._put(str(properties[self._of]), document if isinstance(document, str) else json.dumps(document))
        return str(properties[self._of]), {}

    def update(self, _id: str, _old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """Put the new policy; another topic or queue is another resource."""
        return self.create(logical_id, new, stack)

    def delete(self, physical_id: str, _: Properties) -> None:
        """The owner's default policy stands again."""
        try:
            self._put(physical_id, "")
        except CallError as error:
            if not error.missing:
                raise

    def _put(self, target: str, document: str) -> None:
        if self._service == "sns":
            params = {"TopicArn": target, "AttributeName": "Policy", "AttributeValue": document}
            self._calls("sns", "SetTopicAttributes", params)
        else:
            self._calls("sqs", "SetQueueAttributes", {"QueueUrl": target, "Attributes": {"Policy": document}})
