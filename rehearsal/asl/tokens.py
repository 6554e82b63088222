"""Task tokens: who waits for SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat; and activities' queues."""

import base64
import binascii
import json
import threading
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from rehearsal.asl.errors import RequestError, StatesError
from rehearsal.asl.values import too_large
from rehearsal.clock import Clock

_CLOSED_KEPT = 100_000


def authorised_against(token: str) -> str | None:
    """The ARN in a token; None in what is none."""
    try:
        return base64.urlsafe_b64decode(token.partition(".")[2]).decode() or None
    except (binascii.Error, ValueError):
        return None


@dataclass
class Waiting:
    """A task that waits for its token. `beat` is when it last gave a sign of life; None: no worker has it yet."""

    token: str
    deaf: bool
    beat: float | None
    came: threading.Event = field(default_factory=threading.Event)
    output: Any = None
    error: StatesError | None = None
    worker: str | None = None


class Tokens:
    """All task tokens and activity queues of a cloud."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Waiting] = {}
        self._closed: OrderedDict[str, None] = OrderedDict()
        self._queues: dict[str, deque[tuple[Waiting, str]]] = {}

    @staticmethod
    def fresh(arn: str) -> str:
        """A token that nobody guesses, of the state machine or activity against which its use is authorised."""
        return f"{uuid.uuid4().hex}{uuid.uuid4().hex}.{base64.urlsafe_b64encode(arn.encode()).decode()}"

    def wait(self, token: str, *, deaf: bool = False, begun: bool = True) -> Waiting:
        """Begin to wait. With `deaf` nothing that comes is heard (fault D16)."""
        waiting = Waiting(token, deaf, self._clock.now() if begun else None)
        with self._lock:
            self._open[token] = waiting
        return waiting

    def close(self, token: str) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            if self._open.pop(token, None) is not None:
                self._closed[token] = None
                if len(self._closed) > _CLOSED_KEPT:
                    self._closed.popitem(last=False)

    def success(self, token: str, output: str) -> None:
        """SendTaskSuccess."""
        if isinstance(output, str) and too_large(output):
            raise RequestError(
                "ValidationException",
                "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length "
                "less than or equal to 262144",
            )
        try:
            value = json.loads(output)
        except (TypeError, ValueError, RecursionError):
            raise RequestError("InvalidOutput", "Invalid Output: 'The output is not valid JSON'") from None
        self._answer(token, value, None)

    def failure(self, token: str, error: str, cause: str) -> None:
        """SendTaskFailure."""
        self._answer(token, None, StatesError(error, cause))

    def _answer(self, token: str, output: Any, error: StatesError | None) -> None:
        with self._lock:
            waiting = self._find(token)
            if waiting.deaf:
                return
            waiting.output, waiting.error = output, error
            del self._open[token]
            self._closed[token] = None
        waiting.came.set()

    def heartbeat(self, token: str) -> None:
        """SendTaskHeartbeat."""
        with self._lock:
            waiting = self._find(token)
            if not waiting.deaf:
                waiting.beat = self._clock.now()

    def _find(self, token: str) -> Waiting:
        waiting = self._open.get(token)
        if waiting is None and token in self._closed:
            raise RequestError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        if waiting is None:
            raise RequestError("InvalidToken", "Invalid Token: 'Invalid token'")
        return waiting

    def enqueue(self, activity: str, waiting: Waiting, given: str) -> None:
        """A task for the activity's workers."""
        with self._lock:
            self._queues.setdefault(activity, deque()).append((waiting, given))

    def dequeue(self, activity: str, worker: str | None) -> tuple[str, str] | None:
        """GetActivityTask: token and input of the oldest task that still waits; None if there is none."""
        with self._lock:
            queue = self._queues.get(activity)
            while queue:
                waiting, given = queue.popleft()
                if waiting.token in self._open:
                    waiting.worker = worker
                    waiting.beat = self._clock.now()
                    return waiting.token, given
        return None
