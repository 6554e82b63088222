"""`slipway cloud env|clock|fault|faults|audit`: what people and other tools do with a cloud that runs."""

import re
import shlex
from datetime import UTC, datetime
from typing import Any

from slipway.cli import output
from slipway.cli.cloud import required
from slipway.operations.errors import Failure

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
)


def env(*, name: str, as_json: bool) -> None:
    """Lines for a POSIX shell. What would lead elsewhere (a profile, a session token) is unset."""
    found = required(name).environment()
    variables = {key: found[key] for key in _VARIABLES}
    if as_json:
        output.json_object({"ok": True, "environment": variables})
        return
    output.out("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE")
    for key, value in variables.items():
        output.out(f"export {key}={shlex.quote(value)}")


def clock(*, advance: str, speed: float | None, name: str, as_json: bool) -> None:
    """Set the speed first, then move."""
    cloud = required(name)
    seconds = _seconds(advance) if advance else 0.0
    if speed is not None:
        cloud.clock.set_speed(speed)
    if seconds:
        cloud.clock.advance(seconds)
    found = cloud.control("GET", "clock")
    if as_json:
        output.json_object({"ok": True, "clock": found["now"], "clock_speed": found["speed"]})
        return
    now = datetime.fromtimestamp(found["now"], UTC)
    output.out(f"{now:%Y-%m-%d %H:%M:%S} UTC, {found['speed']:g} × the wall")


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise Failure("SLW206", f"{text!r} is no length of time.", where="--advance", fix="such as 90s, 15m, 6h or 2d")
    return float(match[1]) * _UNITS[match[2]]


def fault(row: str, where: list[str], *, times: int | None, after: bool, name: str) -> None:
    """Arm it; the cloud refuses rows and keys that it does not know."""
    facts: dict[str, Any] = {}
    for pair in where:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise Failure(
                "SLW206", f"{pair!r} is not KEY=VALUE.", where="arguments", fix="such as endpoint=my-endpoint"
            )
        facts[key] = int(value) if re.fullmatch(r"-?\d+", value) else value
    if after:
        facts["after"] = True
    required(name).fault(row, times=times, **facts)
    often = "until cleared" if times is None else "once" if times == 1 else f"{times} times"
    output.out(f"fault {row} is on, {often}")


def faults(*, clear: bool, name: str, as_json: bool) -> None:
    """What there is, and what is on."""
    cloud = required(name)
    if clear:
        cloud.clear_faults()
    found = cloud.control("GET", "faults")
    if as_json:
        output.json_object({"ok": True, **found})
        return
    on = found["armed"]
    output.table([(row, "narrowed by " + ", ".join(keys) if keys else "") for row, keys in found["rows"].items()])
    output.out("none is on" if not on else "on now:")
    output.table(
        [
            (one["row"], "until cleared" if one["left"] is None else f"{one['left']} times", _pairs(one["where"]))
            for one in on
        ]
    )


def _pairs(where: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in where.items())


def audit(*, denied: bool, principal: str, action: str, last: int, name: str, as_json: bool) -> None:
    """The newest last, oldest first."""
    found = required(name).audit()
    calls = [
        call
        for call in found["calls"]
        if (not denied or call["decision"] == "denied") and principal in call["principal"] and action in call["action"]
    ][-last:]
    if as_json:
        output.json_object({"ok": True, "allowed": found["allowed"], "denied": found["denied"], "calls": calls})
        return
    output.table(
        [
            (
                call["time"][:19],
                call["decision"],
                call["action"],
                call["principal"].rpartition(":")[2],
                call["resource"],
            )
            for call in calls
        ]
    )
    output.out(f"{found['allowed']} allowed, {found['denied']} denied in all")
