"""The embedded cloud, as commands and tests use it: start or attach, talk to it, deploy to it, stop it."""

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from rehearsal import keeper, objects, statefile
from rehearsal.control import PREFIX, group_members
from rehearsal.deploy import Cdk
from rehearsal.errors import CloudError, CloudNotRunningError

START_SECONDS = 20.0
STOP_SECONDS = 4.0
_ROOT = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TERM")


class CloudClock:
    """The cloud's clock, from outside."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud

    def now(self) -> float:
        """Cloud time in epoch seconds."""
        return float(self._cloud.control("GET", "clock")["now"])

    def advance(self, seconds: float) -> float:
        """Move cloud time forward; what became due has been started when this returns. Returns the new time."""
        return float(self._cloud.control("POST", "clock", {"advance": seconds})["now"])

    def set_speed(self, speed: float) -> None:
        """Cloud seconds in one second of the wall; 0 stops the clock."""
        self._cloud.control("POST", "clock", {"speed": speed})


class Cloud:
    """One running embedded cloud. Use it as a context manager, or call `stop`, which is safe to call twice."""

    def __init__(
        self, directory: Path, state: statefile.State, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.directory, self._state, self._process = directory, state, process
        self._lifeline: int | None = None
        self.clock = CloudClock(self)

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        account: str = "111122223333",
        region: str = "eu-west-1",
        port: int = 0,
        speed: float = 1.0,
        stdout: Any = None,
        detach: bool = False,
        keep: bool = False,
        core: str = "rehearsal.sagemaker:SageMaker",
    ) -> "Cloud":
        """Start a cloud and wait until it answers. It ends with this process, unless `detach`.

        With `keep` its state survives even SIGKILL: the next start with `keep` in the same directory takes it up.
        Its own words go to `stdout`, by default cloud.log in the state directory.
        """
        directory = state_dir.resolve()
        if statefile.is_held(directory):
            statefile.lock(directory)  # raises with the fix
        _sweep(directory)
        ready_read, ready_write = os.pipe()
        life_read, life_write = os.pipe()
        command = [sys.executable, "-m", "rehearsal.server", "--state-dir", str(directory), "--account", account]
        command += ["--region", region, "--port", str(port), "--speed", str(speed), "--core", core]
        command += ["--ready-fd", str(ready_write), *([] if detach else ["--parent-fd", str(life_read)])]
        command += ["--keep"] if keep else []
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= (
            {"PYTHONPATH": os.pathsep.join(entry for entry in (str(_ROOT), *sys.path) if entry)}
            if core[:10] != "rehearsal."
            else {}
        )
        environment["SLIPWAY_CLOUD"] = str(directory)
        environment |= objects.MALLOC
        with contextlib.ExitStack() as files:
            try:
                out = stdout or files.enter_context((directory / "cloud.log").open("wb"))
                process = subprocess.Popen(
                    command,
                    cwd=_ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(ready_write,) if detach else (ready_write, life_read),
                )
            except OSError as error:
                for descriptor in (ready_read, ready_write, life_read, life_write):
                    os.close(descriptor)
                raise CloudError(
                    f"the embedded cloud cannot start: {error}", "Free space, or name another directory"
                ) from None
        os.close(ready_write)
        os.close(life_read)
        if detach:
            os.close(life_write)
        try:
            message = _await_ready(ready_read, process, directory)
            state = statefile.read(directory)
            if "error" in message or state is None:
                raise CloudError(message.get("error", "the cloud left no state file"), message.get("fix", "Try again"))
        except BaseException:
            if not detach:
                os.close(life_write)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.terminate()
                process.wait(STOP_SECONDS)
            _end_group(process.pid)
            process.wait()
            _sweep(directory)
            raise
        finally:
            os.close(ready_read)
        cloud = cls(directory, state, process)
        cloud._lifeline = None if detach else life_write
        return cloud

    @classmethod
    def attach(cls, state_dir: Path) -> "Cloud":
        """The cloud that runs in a state directory. Raises CloudNotRunningError with the fix if none does."""
        directory = state_dir.resolve()
        state = statefile.read(directory)
        if state is None or not directory.exists() or not statefile.is_held(directory):
            raise CloudNotRunningError(f"no embedded cloud runs in {directory}", "Start one with `slipway cloud up`")
        cloud = cls(directory, state)
        cloud.control("GET", "status")
        return cloud

    @property
    def url(self) -> str:
        """Endpoint of every service."""
        return self._state.url

    @property
    def pid(self) -> int:
        """Process, and process group, of the cloud."""
        return self._state.pid

    def environment(self) -> dict[str, str]:
        """This process's environment for a child that works in the cloud as its operator; no other AWS_* variable."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self._state.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self._state.region,
            "AWS_DEFAULT_REGION": self._state.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def session(self, role_arn: str | None = None) -> boto3.Session:
        """A boto3 session of the operator, or of a role that trusts the account."""
        keys = {"aws_access_key_id": self._state.account, "aws_secret_access_key": "test"}
        if role_arn is not None:
            sts: Any = self.client("sts")
            given = sts.assume_role(RoleArn=role_arn, RoleSessionName="rehearsal")["Credentials"]
            keys = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            }
        return boto3.Session(region_name=self._state.region, **keys)  # type: ignore[arg-type]  # only text in keys

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A boto3 client of the operator or of a role."""
        # Some actions would go to a host of their own (sync-127.0.0.1 for StartSyncExecution), which no laptop knows.
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, inject_host_prefix=False)
        session: Any = self.session(role_arn)
        return session.client(service, endpoint_url=self.url, config=config)

    def control(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the control API."""
        request = urllib.request.Request(  # noqa: S310  # always loopback http
            f"{self.url}{PREFIX}{name}",
            method=method,
            data=json.dumps(body or {}).encode(),
            headers={"x-slipway-token": self._state.token},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            words = json.load(error).get("error", str(error))
            raise CloudError(f"the cloud refused {method} {name}: {words}", "Correct the call") from None
        except (OSError, ValueError) as error:
            raise CloudNotRunningError(
                f"the embedded cloud in {self.directory} does not answer: {error}",
                "Start it again with `slipway cloud up`",
            ) from None

    def fault(self, row: str, *, times: int | None = 1, **where: Any) -> None:
        """Switch a fault of the catalogue on, for its next `times` occasions; None: until cleared.

        `where` narrows it (`endpoint=…`, `job=…`); `after=True`, where the row has it: the call takes effect, then its
        answer is lost.
        """
        self.control("POST", "faults", {"row": row, "times": times, "where": where})

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.control("DELETE", "faults")

    def quota(self, name: str, value: int) -> None:
        """Set a quota of SageMaker by its name in Service Quotas, such as `ml.m5.large for endpoint usage`."""
        self.control("POST", "quotas", {"name": name, "value": value})

    def audit(self) -> dict[str, Any]:
        """{"enforced", "allowed", "denied", "calls": [{principal, action, resource, decision, time}]}"""
        found: dict[str, Any] = self.control("GET", "audit")
        return found

    def calls(self, **wanted: Any) -> list[dict[str, Any]]:
        """Calls as CloudTrail tells of them, with the deciding statement: `principal`, `action`, `decision`, `last`,
        and `operator` true for the account root's as well."""
        found: list[dict[str, Any]] = self.control("POST", "calls", wanted)
        return found

    def privileges(self) -> list[dict[str, Any]]:
        """[{"role", "used": {action: calls}, "unused": [{policy, statement, action, resource}], "denied": [action]}]"""
        found: list[dict[str, Any]] = self.control("GET", "privileges")
        return found

    def processes(self) -> list[dict[str, Any]]:
        """Every process of the cloud, itself included."""
        found: list[dict[str, Any]] = self.control("GET", "processes")
        return found

    def stand_in(self, repository: str, image: str) -> None:
        """Run `image` wherever one of `repository` is asked for: an image that cannot be had here, such as
        sagemaker-model-monitor-analyzer of the service's own accounts. `image` is one that this cloud has built.
        """
        self.control("POST", "stand-ins", {"repository": repository, "image": image})

    def flush(self) -> None:
        """Fire due schedules and evaluate alarms now rather than within moments."""
        self.control("POST", "flush")

    def bootstrap(self, cdk: Cdk | None = None) -> float:
        """`cdk bootstrap` once; nothing to do the second time. Returns its seconds."""
        return (cdk or Cdk(_ROOT)).bootstrap(self)

    def deploy(
        self,
        assembly: Path,
        stacks: Sequence[str] = ("--all",),
        on_event: Callable[[dict[str, Any]], None] | None = None,
        cdk: Cdk | None = None,
    ) -> dict[str, Any]:
        """`cdk deploy` of a cloud assembly by the real CLI. Returns {"stacks", "resources", "seconds"}."""
        return (cdk or Cdk(_ROOT)).deploy(self, assembly, stacks, on_event)

    def destroy(self, assembly: Path, stacks: Sequence[str] = ("--all",), cdk: Cdk | None = None) -> float:
        """`cdk destroy`. Returns its seconds."""
        return (cdk or Cdk(_ROOT)).destroy(self, assembly, stacks)

    def at(self, account: str, region: str) -> "Cloud":
        """The same cloud, as the root of another account and in another region. Only `start` and `attach` own it."""
        if (account, region) == (self.account, self.region):
            return self
        return Cloud(self.directory, dataclasses.replace(self._state, account=account, region=region))

    @property
    def account(self) -> str:
        """Account of the operator."""
        return self._state.account

    @property
    def region(self) -> str:
        """Region of the operator."""
        return self._state.region

    def stop(self, *, keep: bool = False) -> None:
        """End every process of the cloud within five seconds and remove its files; kept state only without `keep`."""
        with contextlib.suppress(CloudError):
            self.control("POST", "shutdown")
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and self._alive():
            time.sleep(0.02)
        if self._alive() or (self._process is not None and group_members(self.pid)):
            _end_group(self.pid)
        if self._process is not None:
            self._process.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        _sweep(self.directory)
        if not keep:
            shutil.rmtree(self.directory / keeper.FOLDER, ignore_errors=True)

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return statefile.process_started(self.pid) == self._state.started != ""

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _await_ready(descriptor: int, process: "subprocess.Popen[bytes]", directory: Path) -> dict[str, str]:
    deadline, text = time.monotonic() + START_SECONDS, b""
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return {
                "error": f"the cloud did not answer within {START_SECONDS:g} s",
                "fix": f"Read {directory}/cloud.log",
            }
        piece = os.read(descriptor, 4096)
        if not piece:
            process.wait()
            return {"error": "the embedded cloud ended while starting", "fix": f"Read {directory}/cloud.log"}
        text += piece
    message: dict[str, str] = json.loads(text)
    return message


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _sweep(directory: Path) -> None:
    """After a killed cloud: end what it left, known by its environment and not by a bare pid; remove its files."""
    if not directory.exists() or statefile.is_held(directory):
        return
    mark = f"SLIPWAY_CLOUD={directory}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                os.kill(int(entry.parent.name), signal.SIGKILL)
    with contextlib.suppress(OSError):
        (directory / statefile.STATE_FILE).unlink()
    for name in ("tmp", "lambda-runtime", "images", "sagemaker"):
        shutil.rmtree(directory / name, ignore_errors=True)


__all__ = ["Cloud", "CloudClock", "CloudError", "CloudNotRunningError"]
