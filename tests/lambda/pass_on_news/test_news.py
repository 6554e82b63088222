"""Events of an endpoint wake whoever waits for it, and do nothing else."""

from typing import Any

import pytest

from slipway_lambda.contracts.errors import BadEventError
from slipway_lambda.pass_on_news.handler import pass_on

EVENT = {"detail": {"EndpointName": "flights-dev", "EndpointStatus": "IN_SERVICE"}}


class Waiting:
    """A ledger with a lock, and Step Functions with the tasks that wait."""

    def __init__(self, *tokens: str, lock: dict[str, Any]) -> None:
        self.open, self.lock = set(tokens), lock

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        return self.lock if (partition, sort) == ("endpoint#flights-dev", "lock") else {}

    def note_news(self, endpoint: str, owner: str) -> bool:
        assert (endpoint, owner) == ("flights-dev", self.lock["owner"])
        self.lock["unheard"] = True
        self.meanwhile()
        return True

    def meanwhile(self) -> None:
        """Between the note and the second look."""

    def answer(self, token: str) -> bool:
        if token not in self.open:
            return False
        self.open.remove(token)
        return True


def told(waiting: Waiting, event: Any = EVENT) -> bool:
    ports: Any = waiting
    return bool(pass_on(event, ports, ports)["woken"])


def test_the_one_that_waits_is_woken_once_however_often_the_event_comes() -> None:
    waiting = Waiting("mine", "another's", lock={"owner": "me", "listener": "mine"})
    assert [told(waiting) for _ in range(3)] == [True, False, False]
    assert waiting.open == {"another's"}


@pytest.mark.parametrize("lock", [{}, {"owner": "me"}, {"owner": "me", "listener": "long over"}])
def test_nobody_who_waits_is_no_error(lock: dict[str, Any]) -> None:
    assert not told(Waiting("another's", lock=lock))
    assert lock.get("unheard") == (True if lock else None)


def test_who_began_to_listen_while_the_note_was_written_is_woken_all_the_same() -> None:
    waiting = Waiting(lock={"owner": "me"})

    def begins() -> None:
        waiting.open.add("mine")
        waiting.lock["listener"] = "mine"

    waiting.meanwhile = begins  # type: ignore[method-assign]
    assert told(waiting)


@pytest.mark.fault("C12")
def test_an_event_of_another_endpoint_wakes_nobody_here() -> None:
    waiting = Waiting("mine", lock={"owner": "me", "listener": "mine"})
    assert not told(waiting, {"detail": {"EndpointName": "flights-prod", "listener": "mine"}})
    assert waiting.open == {"mine"}


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": {"EndpointName": 7}}])
@pytest.mark.fault("C14")
def test_an_event_of_another_shape_is_named(event: Any) -> None:
    with pytest.raises(BadEventError, match=r"detail|EndpointName"):
        told(Waiting(lock={}), event)
