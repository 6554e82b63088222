"""The client process as the demo sees it: started, counted, stopped, its log read."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.demo.client import MODEL_ERROR, Reply
from slipway.demo.errors import CLIENT_DIED, DemoError

STOP_SECONDS = 10
LOG = "client.jsonl"


class Traffic:
    """One client process. `stop` may be called twice."""

    def __init__(
        self, *, endpoint: str, records: Sequence[str], folder: Path, environment: Mapping[str, str], rate: float,
        count: int, seconds: float,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        source, self._log, self._errors = folder / "records.csv", folder / LOG, folder / "client.err"
        source.write_text("\n".join(records), encoding="utf-8")
        self._log.write_text("", encoding="utf-8")
        command = [sys.executable, "-m", "slipway.demo.client", "--endpoint", endpoint, "--records", str(source)]
        command += ["--out", str(self._log), "--rate", str(rate), "--count", str(count), "--seconds", str(seconds)]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stderr=errors)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def check(self) -> None:
        """Raise if the client died before it was told to stop."""
        code = self._process.poll()
        if code:
            last = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [
                "no message"
            ]
            raise DemoError(
                CLIENT_DIED,
                f"The demo's client ended by itself with {code}: {last[0][:300]}",
                f"Run the demo again; if it stays so, its log is {self._log}.",
            )

    def replies(self) -> list[Reply]:
        """All replies logged so far. A line that is still being written is left for the next look."""
        return read(self._log)

    def stop(self) -> None:
        """Ask it to drain and end; kill it when it does not."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def read(log: Path) -> list[Reply]:
    """The whole lines of a log."""
    text = log.read_text(encoding="utf-8")
    return [Reply.parse(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@dataclass(frozen=True)
class Count:
    """The requests of one span of time, and whose fault the failed ones are."""

    requests: int
    failed: int
    by_model: int
    """Answers 4xx or 5xx of the container itself (ModelError). The rest of `failed` is the platform's."""
    example: str | None

    @property
    def by_platform(self) -> int:
        """Failures that no container answered: lost connections, time-outs, refusals, nonsense."""
        return self.failed - self.by_model


def count(replies: Iterable[Reply], begin: float, end: float) -> Count:
    """Count the requests sent in [begin, end), wall epoch seconds."""
    sent = [r for r in replies if begin <= r.at < end]
    failed = [r for r in sent if not r.ok]
    by_model = [r for r in failed if r.status == MODEL_ERROR and r.original_status is not None]
    return Count(len(sent), len(failed), len(by_model), failed[0].error if failed else None)


@dataclass(frozen=True)
class Second:
    """One second of traffic; `at` is the wall second's epoch."""

    at: int
    requests: int
    failed: int
    p99_ms: float


def by_second(replies: Iterable[Reply]) -> list[Second]:
    """The log as a series."""
    seconds: dict[int, list[Reply]] = {}
    for reply in replies:
        seconds.setdefault(int(reply.at), []).append(reply)
    return [
        Second(
            at, len(sent), sum(not r.ok for r in sent), sorted(r.latency_ms for r in sent)[int(0.99 * (len(sent) - 1))]
        )
        for at, sent in sorted(seconds.items())
    ]


def canary_share(replies: Iterable[Reply], begin: float, end: float) -> tuple[int, int]:
    """Failed by the model, and all requests, between the first and the last such failure: what the canary's share came
    to."""
    sent = sorted((r for r in replies if begin <= r.at < end), key=lambda r: r.at)
    bad = [i for i, r in enumerate(sent) if r.status == MODEL_ERROR and r.original_status is not None]
    return (len(bad), bad[-1] - bad[0] + 1) if bad else (0, 0)
