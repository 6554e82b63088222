"""`serve`: listens only once the model is loaded and has answered a warm-up row; SIGTERM drains and exits 0."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

import numpy as np
import uvicorn

from tabular import paths
from tabular.application import Application
from tabular.faults import ArtefactFault, ParameterFault
from tabular.model import Model

MEBIBYTE = 1 << 20
REAL_TIME_MEBIBYTES = 6
BATCH_MEBIBYTES_AT_MOST = 100
DRAIN_SECONDS = 25
"""SageMaker kills 30 s after SIGTERM."""
KEEP_ALIVE_SECONDS = 75
"""Over the 70 s that AWS advises clients to wait, so that a reused connection is not closed under a request."""


class DrainingServer(uvicorn.Server):
    """Answers what it has taken, then exits 0: uvicorn's own server dies of the signal, which looks like a failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def main() -> None:
    host, port = os.environ.get("SLIPWAY_BIND_HOST", "0.0.0.0"), _port()  # noqa: S104 - the contract's own; isolated by AWS
    limit = body_bytes_at_most()
    model = Model.load(paths.model())
    warm_up(model)
    config = uvicorn.Config(
        Application(model, limit),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = DrainingServer(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve())


def warm_up(model: Model) -> None:
    """One row of missing values through the whole model: a model that cannot answer never passes /ping."""
    row = np.full((1, len(model.schema.columns)), np.nan, np.float32)
    if not np.isfinite(model.predict(row)).all():
        raise ArtefactFault("the model's answer to a warm-up row is not a finite number")


def _port() -> int:
    text = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ParameterFault(f"SAGEMAKER_BIND_TO_PORT is {text!r}, not a port")
    return int(text)


def body_bytes_at_most() -> int:
    """6 MiB as real-time endpoints have it; in batch transform what the job set (0 is the most we take)."""
    text = os.environ.get("SAGEMAKER_MAX_PAYLOAD_IN_MB")
    if os.environ.get("SAGEMAKER_BATCH", "").lower() != "true" or text is None:
        return REAL_TIME_MEBIBYTES * MEBIBYTE
    if not text.isdecimal() or int(text) > BATCH_MEBIBYTES_AT_MOST:
        raise ParameterFault(f"SAGEMAKER_MAX_PAYLOAD_IN_MB is {text!r}, not 0 to {BATCH_MEBIBYTES_AT_MOST}")
    return (int(text) or BATCH_MEBIBYTES_AT_MOST) * MEBIBYTE
