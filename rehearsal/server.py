"""The process of the embedded cloud: `python -m rehearsal.server`, started and ended by `rehearsal.cloud.Cloud`."""

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import uvloop

from rehearsal import keeper, objects, servicemodels, statefile
from rehearsal.errors import CloudError

if TYPE_CHECKING:
    from rehearsal.runtime import Runtime

HOST = "127.0.0.1"
TICK_SECONDS = 0.1
ALARM_SECONDS = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rehearsal.server")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--core", default="rehearsal.sagemaker:SageMaker")
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--parent-fd", type=int, default=-1)
    return parser.parse_args()


def main() -> None:
    """Run until told to stop, orphaned or signalled. Whatever happens, no process and no temporary file stays."""
    arguments = _arguments()
    directory: Path = arguments.state_dir
    held: IO[str] | None = None
    try:
        held = statefile.lock(directory)
        _check_kept(directory, arguments)
        listener = _listen(arguments.port or _kept_port(directory, arguments))
        _environment(directory, arguments, listener.getsockname()[1])
        servicemodels.share()
        uvloop.run(_serve(arguments, listener))
    except CloudError as error:
        _report(arguments.ready_fd, {"error": error.message, "fix": error.fix})
    except OSError as error:
        _report(
            arguments.ready_fd,
            {"error": f"the embedded cloud stopped: {error}", "fix": "Free space or permissions there"},
        )
    finally:
        if held is not None:
            _clean(directory)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)  # what is left of our group, this process last of all


def _check_kept(directory: Path, arguments: argparse.Namespace) -> None:
    kept = keeper.settings(directory / keeper.FOLDER)
    if kept is None:
        return
    if not arguments.keep:
        raise CloudError(
            f"{directory} holds the kept state of an earlier cloud",
            "Take it up with `slipway cloud up --keep`, or remove it with `slipway cloud reset`",
        )
    for name, given in (("account", arguments.account), ("region", arguments.region)):
        if kept[name] != given:
            raise CloudError(
                f"the kept state in {directory} is of {name} {kept[name]}, not {given}",
                "Start it for that one, or remove the state with `slipway cloud reset`",
            )
    if kept["emulator"] != version("ministack"):
        raise CloudError(
            f"the kept state in {directory} was written by version {kept['emulator']} of the emulator",
            "Remove it with `slipway cloud reset` and deploy again",
        )


def _kept_port(directory: Path, arguments: argparse.Namespace) -> int:
    """The port of the kept cloud if it is still free: addresses that were handed out stay true."""
    kept = keeper.settings(directory / keeper.FOLDER) if arguments.keep else None
    if kept is None:
        return 0
    with contextlib.suppress(CloudError):
        _listen(kept["port"]).close()
        return int(kept["port"])
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        raise CloudError(
            f"port {port} on {HOST} cannot be used: {error.strerror}",
            "Stop what uses it, or take port 0 for any free one",
        ) from None
    listener.listen(512)
    return listener


def _environment(directory: Path, arguments: argparse.Namespace, port: int) -> None:
    """Before the emulator is imported: it reads all of this then."""
    temporary = directory / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK", "SFN_"))]:
        del os.environ[name]
    for name in ("PYTHONPATH", *objects.MALLOC):  # handlers and jobs inherit this environment
        os.environ.pop(name, None)
    os.environ.update(
        AUTH="true",
        BIND_HOST=HOST,
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        MINISTACK_ACCOUNT_ID=arguments.account,
        MINISTACK_REGION=arguments.region,
        MINISTACK_WORKER_THREADS="32",
        LOG_LEVEL="WARNING",
        TMPDIR=str(temporary),
        DOCKER_HOST=f"unix://{directory}/no-docker.sock",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        # Bodies of objects lie on disk, not in memory: kept with the cloud, or gone with it.
        **keeper.environment(directory / keeper.FOLDER if arguments.keep else temporary),
    )


async def _serve(  # noqa: PLR0915  # one place shows in which order the cloud comes up and goes down
    arguments: argparse.Namespace, listener: socket.socket
) -> None:
    from ministack import app

    from rehearsal import hooks
    from rehearsal.audit import Audit
    from rehearsal.authority import Authority
    from rehearsal.clock import Clock
    from rehearsal.control import Control
    from rehearsal.emulator import EmulatorHost
    from rehearsal.functions import interpreter as functions
    from rehearsal.iam.assumed import Trusting
    from rehearsal.images import Images
    from rehearsal.invocations import Invocations
    from rehearsal.keeper import Keeper
    from rehearsal.runtime import Runtime
    from rehearsal.states.executions import Executions
    from rehearsal.web import WebServer

    directory: Path = arguments.state_dir
    port = listener.getsockname()[1]
    kept = keeper.settings(directory / keeper.FOLDER) if arguments.keep else None
    # Time went on while the cloud was down, as it does for a cloud; it never goes back behind what was stamped.
    clock = Clock(speed=arguments.speed, start=max(time.time(), kept["clock"]) if kept else None)
    audit = Audit(directory / "audit.jsonl", clock)
    runtime = Runtime(
        directory, f"http://{HOST}:{port}", arguments.account, arguments.region, clock, audit, Authority(audit)
    )
    runtime.executions = Executions(runtime)
    images = directory / keeper.FOLDER / "images" if arguments.keep else directory / "images"
    runtime.images = Images(images)
    runtime.lambda_python = str(functions.make_interpreter(directory / "lambda-runtime"))
    try:
        hooks.install(runtime)
    except hooks.HookMismatchError as error:
        raise CloudError(str(error), "Run `make setup` to get the locked version") from None
    module, _, name = arguments.core.partition(":")
    core = getattr(importlib.import_module(module), name)(EmulatorHost(runtime), directory / "sagemaker")
    runtime.sagemaker = Trusting(core, runtime.authority)

    saver = Keeper(directory / keeper.FOLDER, _parts(runtime, port)) if arguments.keep else None
    runtime.keeper = saver
    if saver is not None:
        saver.restore()
        saver.start()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if arguments.parent_fd >= 0:
        threading.Thread(target=_watch_parent, args=(arguments.parent_fd, loop, stop), daemon=True).start()

    token = secrets.token_urlsafe(24)
    control = Control(runtime, token, stop)
    state = statefile.State(
        os.getpid(), statefile.process_started(os.getpid()), port, token, arguments.account, arguments.region
    )

    invocations = Invocations(runtime)

    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if scope["path"].startswith("/_slipway/"):
                await control(scope, receive, send)
                return
            if saver is not None:
                send = _after_keeping(saver, scope, send)
            if invocations.takes(scope):
                await invocations(scope, receive, send)
                return
            # Loopback needs no TLS: policies that deny plain HTTP see a secure transport.
            headers = [pair for pair in scope["headers"] if pair[0].lower() != b"x-forwarded-proto"]
            scope = {**scope, "headers": [*headers, (b"x-forwarded-proto", b"https")]}
        await app.app(scope, receive, send)

    async def timers() -> None:
        last = 0.0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            due: list[Callable[[], Any]] = [runtime.executions.watch, audit.flush]
            if time.monotonic() - last >= ALARM_SECONDS:
                last = time.monotonic()
                due += [objects.drop_bodies, runtime.alarms.everywhere, runtime.autoscaling.tick]
            for look in due:
                try:
                    if look is objects.drop_bodies:  # on the loop: S3 changes its versions there
                        look()
                    else:
                        await asyncio.to_thread(look)
                except Exception:  # the others still look, and so does this one the next time
                    logging.getLogger("slipway").exception("%s failed", look.__qualname__)

    async def announce() -> None:
        while app._MAIN_LOOP is None:
            await asyncio.sleep(0.01)
        statefile.write(directory, state)
        _report(arguments.ready_fd, {"port": port})

    background = [asyncio.create_task(timers()), asyncio.create_task(announce())]
    try:
        await WebServer(gateway, stop).serve(sockets=[listener])
    finally:
        for task in background:
            task.cancel()
        if saver is not None:
            saver.close()  # before the end of jobs and endpoints: it is not their end
        runtime.sagemaker.close()
        audit.close()
        _clean(directory)
        # Threads of the emulator may wait for answers that never come: the end of the group ends them too.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)


def _parts(runtime: "Runtime", port: int) -> "dict[str, keeper.Part]":
    """What is ours to keep, beside the emulator's own services; brought back in this order."""

    def settings() -> dict[str, Any]:
        return {
            "emulator": version("ministack"),
            "account": runtime.account,
            "region": runtime.region,
            "port": port,
            "clock": runtime.clock.now(),
        }

    return {
        "settings": (settings, lambda _: None),
        "stack-roles": (runtime.authority.stacks.snapshot, runtime.authority.stacks.resume),
        "images": (runtime.images.snapshot, runtime.images.resume),
        "autoscaling": (runtime.autoscaling.store.snapshot, runtime.autoscaling.store.resume),
        "sagemaker": (runtime.sagemaker.snapshot, runtime.sagemaker.resume),
        "executions": (runtime.executions.snapshot, runtime.executions.resume),
    }


def _after_keeping(saver: keeper.Keeper, scope: Any, send: Any) -> Any:
    """A `send` that lets the answer to a change leave only when the change is on disk."""
    target = next((value for name, value in scope["headers"] if name.lower() == b"x-amz-target"), b"")
    if not keeper.may_change(scope["method"], scope["path"], target.decode("latin-1")):
        return send

    async def later(message: Any) -> None:
        if message["type"] == "http.response.start":
            await saver.kept()
        await send(message)

    return later


def _watch_parent(descriptor: int, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        os.read(descriptor, 1)  # returns when the parent's end closes
    loop.call_soon_threadsafe(stop.set)


def _report(descriptor: int, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, (json.dumps(message) + "\n").encode())
        os.close(descriptor)


def _clean(directory: Path) -> None:
    with contextlib.suppress(OSError):
        (directory / statefile.STATE_FILE).unlink()
    for name in ("tmp", "lambda-runtime", "images", "sagemaker"):
        shutil.rmtree(directory / name, ignore_errors=True)


if __name__ == "__main__":
    logging.getLogger("slipway").setLevel(logging.INFO)
    sys.path[:] = [entry for entry in sys.path if entry]
    main()
