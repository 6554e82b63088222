"""The ledger's DynamoDB table: the conditions and updates that releases use, with the service's semantics."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.asl.errors import StatesError
from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts.ledger import (
    ATTEMPT,
    LOCK,
    OF_OWNER,
    PARTITION_KEY,
    SORT_KEY,
    TOLD,
    UNHEARD,
    endpoint_key,
    execution_key,
)

Request = dict[str, Any]


@dataclass
class Table:
    """Items by key; also slipway_lambda.ports.ledger.Ledger, for the stages."""

    items: dict[tuple[str, str], Request] = field(default_factory=dict)

    def batchGetItem(self, request: Request) -> Request:
        """What is there of what is asked for."""
        ((table, wanted),) = request["RequestItems"].items()
        found = [self.items.get(_key(k)) for k in wanted["Keys"]]
        return {"Responses": {table: [i for i in found if i]}, "UnprocessedKeys": {}}

    def getItem(self, request: Request) -> Request:
        """The item, if there is one."""
        found = self.items.get(_key(request["Key"]))
        return {"Item": found} if found else {}

    def putItem(self, request: Request) -> Request:
        """Replace an item if the condition holds."""
        at = _key(request["Item"])
        self._check(at, request)
        self.items[at] = request["Item"]
        return {}

    def updateItem(self, request: Request) -> Request:
        """`SET a = :x, b = :y`, `ADD c :n`, `REMOVE a, b` in any order, if the condition holds."""
        at, names = _key(request["Key"]), request.get("ExpressionAttributeNames", {})
        self._check(at, request)
        item = {**self.items.get(at, {PARTITION_KEY: {"S": at[0]}, SORT_KEY: {"S": at[1]}})}
        values, text = request.get("ExpressionAttributeValues", {}), request["UpdateExpression"]
        clauses = re.split(r"\b(SET|ADD|REMOVE) ", text)[1:]
        assert clauses, f"an update that this table does not know: {text}"
        for verb, body in zip(clauses[::2], clauses[1::2], strict=True):
            for one in body.strip().split(", "):
                if verb == "SET":
                    name, value = one.split(" = ")
                    item[names.get(name, name)] = values[value]
                elif verb == "ADD":
                    name, value = one.split()
                    count = int(item.get(name, {"N": "0"})["N"]) + int(values[value]["N"])
                    item[name] = {"N": str(count)}
                else:
                    item.pop(names.get(one, one), None)
        self.items[at] = item
        return {"Attributes": {k: v for k, v in item.items() if k not in (PARTITION_KEY, SORT_KEY)}}

    def _check(self, at: tuple[str, str], request: Request) -> None:
        """A condition of terms joined by OR, or by AND."""
        condition = request.get("ConditionExpression")
        if not condition:
            return
        held, names = from_item(self.items.get(at, {})), request.get("ExpressionAttributeNames", {})
        values = from_item(request.get("ExpressionAttributeValues", {}))
        all_of = (_holds(term, held, names, values) for term in condition.split(" AND "))
        any_of = (_holds(term, held, names, values) for term in condition.split(" OR "))
        if not (all(all_of) if " AND " in condition else any(any_of)):
            raise StatesError("DynamoDB.ConditionalCheckFailedException", "The conditional request failed")

    # The stages' view -------------------------------------------------------------------------------------------------

    def item(self, partition: str, sort: str) -> Request:
        """An item as plain values, or empty."""
        return from_item(self.items.get((partition, sort), {}))

    def free_lock(self, endpoint: str, owner: str) -> bool:
        """If `owner` has it."""
        at = (endpoint_key(endpoint), LOCK)
        if self.item(*at).get("owner") != owner:
            return False
        self.items[at] = {k: v for k, v in self.items[at].items() if k not in ("owner", "expires_at", *OF_OWNER)}
        return True

    def attempt_of(self, endpoint: str, execution_arn: str) -> Request:
        """What it began."""
        mine = [i for (pk, sk), i in self.items.items() if pk == endpoint_key(endpoint) and sk.startswith(ATTEMPT)]
        return next((i for i in map(from_item, mine) if i["execution"] == execution_arn), {})

    def add_record(self, item: Mapping[str, Any]) -> bool:
        """Unless there is one."""
        at = (item[PARTITION_KEY], item[SORT_KEY])
        if at in self.items:
            return False
        self.items[at] = to_item(dict(item))
        return True

    def renew_lock(self, endpoint: str, owner: str, expires_at: int) -> Request:
        """If `owner` has it."""
        at = (endpoint_key(endpoint), LOCK)
        if self.item(*at).get("owner") != owner:
            return {}
        self.items[at] = {**self.items[at], "expires_at": {"N": str(expires_at)}}
        return self.item(*at)

    def note_news(self, endpoint: str, owner: str) -> bool:
        """If `owner` has the lock."""
        at = (endpoint_key(endpoint), LOCK)
        if self.item(*at).get("owner") != owner:
            return False
        self.items[at] = {**self.items[at], UNHEARD: {"BOOL": True}}
        return True

    def claim_told(self, execution_arn: str, by: str) -> bool:
        """Once for an execution."""
        at = (execution_key(execution_arn), TOLD)
        if at in self.items:
            return False
        self.items[at] = to_item({PARTITION_KEY: at[0], SORT_KEY: at[1], "by": by})
        return True

    def unclaim_told(self, execution_arn: str) -> None:
        """Take it back."""
        self.items.pop((execution_key(execution_arn), TOLD), None)


def _key(item: Request) -> tuple[str, str]:
    return item[PARTITION_KEY]["S"], item[SORT_KEY]["S"]


def _holds(term: str, held: Request, names: Request, values: Request) -> bool:
    if absent := re.fullmatch(r"attribute_not_exists\((#?\w+)\)", term):
        return names.get(absent[1], absent[1]) not in held
    left, sign, right = term.split()
    name = names.get(left, left)
    if name not in held:
        return False
    return bool(
        {"<": held[name] < values[right], "<=": held[name] <= values[right], "=": held[name] == values[right]}[sign]
    )
