"""What can be seen of a real account and of a state of the model: the same, if the model is right."""

from typing import Any, NamedTuple

from release_proof.account import ENDPOINT, Account
from release_proof.protocol import FREE, GHOST, State
from release_proof.sagemaker import variants
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.trial import CHALLENGER

VERSIONS = 3


class Seen(NamedTuple):
    """One endpoint with its ledger. Versions by number, 0 is none."""

    registry: tuple[str, ...]
    status: str
    live: int
    target: int
    beside: int
    """The challenger of the trial that serves."""
    target_beside: int
    other_bytes: bool
    configs: tuple[int, ...]
    """The versions' own."""
    owner: int
    """1 + the place of the execution that has the lock."""
    wish: bool
    sealed: bool
    held: bool
    halted: bool
    fence: int
    verified: tuple[int, ...]
    live_fence: int
    attempts: tuple[tuple[str, int], ...]
    rejected: tuple[int, ...]
    told: tuple[int, ...]
    """How often each execution has told people; 0 at a place that is free."""


def of_model(state: State) -> Seen:
    """Of a state with one endpoint."""
    e = state.endpoints[0]
    return Seen(
        registry=state.registry,
        status=e.status,
        live=e.live if e.status else 0,
        target=e.target if e.status == "Updating" else 0,
        beside=e.beside if e.status else 0,
        target_beside=e.target_beside if e.status == "Updating" else 0,
        other_bytes=e.other_bytes,
        configs=_bits(e.configs),
        owner=e.owner,
        wish=e.wish,
        sealed=e.sealed,
        held=e.held,
        halted=e.halted,
        fence=e.fence,
        verified=e.verified,
        live_fence=e.ledger_fence,
        attempts=tuple((a.outcome, a.tries if a.outcome else 0) for a in e.attempts),
        rejected=_bits(e.rejected),
        told=tuple(x.told if x.at else 0 for x in state.executions),
    )


def of_account(account: Account, places: dict[str, int], executions: int) -> Seen:
    """`places`: of the executions that are not over, by ARN."""
    endpoint: dict[str, Any] = account.sagemaker.endpoint or {}
    lock, live = account.fact(ledger.LOCK), account.fact(ledger.LIVE)
    attempts = [account.fact(ledger.attempt_key(v)) for v in range(1, VERSIONS + 1)]
    told = [0] * executions
    for notice in account.notices:
        if notice["execution"] in places:
            told[places[notice["execution"]]] += 1
    owner = lock.get("owner", "")
    target, target_beside = _target(account, endpoint)
    return Seen(
        registry=tuple(_status(account.sagemaker.packages.get(v)) for v in range(1, VERSIONS + 1)),
        status=endpoint.get("EndpointStatus", ""),
        live=_version(endpoint.get("EndpointConfigName", "")),
        target=target,
        beside=_challenger(endpoint),
        target_beside=target_beside,
        other_bytes=_other_bytes(account, endpoint),
        configs=tuple(sorted(_version(n) for n, c in account.sagemaker.configs.items() if len(variants(c)) == 1)),
        owner=(places[owner] + 1 if owner in places else GHOST) if owner else FREE,
        wish=ledger.ABORT_REASON in lock,
        sealed=ledger.SEALED_AT in lock,
        held=bool(account.fact(ledger.HOLD)),
        halted=bool(account.fact(ledger.HALT)),
        fence=int(lock.get("fence", 0)),
        verified=tuple(int(h["version"]) for h in live.get("verified", [])),
        live_fence=int(live.get("fence", 0)),
        attempts=tuple((str(a.get("outcome", "")), min(2, int(a.get("tries", 0)))) for a in attempts),
        rejected=tuple(v for v, p in sorted(account.sagemaker.packages.items()) if _rejected(p)),
        told=tuple(told),
    )


def _bits(number: int) -> tuple[int, ...]:
    return tuple(v for v in range(1, VERSIONS + 1) if number >> v & 1)


def _version(config: str) -> int:
    return int(config.removeprefix(f"{ENDPOINT}-v").split("-")[0]) if config else 0


def _target(account: Account, endpoint: dict[str, Any]) -> tuple[int, int]:
    """The version that it goes to, and the challenger beside it."""
    if endpoint.get("EndpointStatus") != "Updating":
        return 0, 0
    if "PendingDeploymentSummary" not in endpoint:  # only its shares change
        return _version(endpoint["EndpointConfigName"]), _challenger(endpoint)
    name = endpoint["PendingDeploymentSummary"]["EndpointConfigName"]
    beside = [v["ModelName"] for v in variants(account.sagemaker.configs[name]) if v["VariantName"] == CHALLENGER]
    return _version(name), _version(beside[0]) if beside else 0


def _challenger(endpoint: dict[str, Any]) -> int:
    """By its image's digest, which is its version's number."""
    if "ProductionVariants" not in endpoint:
        return 0
    beside = [v for v in variants(endpoint) if v["VariantName"] == CHALLENGER]
    return int(beside[0]["DeployedImages"][0]["ResolvedImage"].rpartition(":")[2], 16) if beside else 0


def _status(package: dict[str, Any] | None) -> str:
    if package is None:
        return "pending"
    return "approved" if package["ModelApprovalStatus"] == "Approved" else "withdrawn"


def _rejected(package: dict[str, Any]) -> bool:
    return bool(package.get("ModelLifeCycle", {}).get("StageStatus") == "Rejected")


def _other_bytes(account: Account, endpoint: dict[str, Any]) -> bool:
    if not endpoint:
        return False
    digest = f"{_version(endpoint['EndpointConfigName']):064x}"
    return not str(endpoint["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"]).endswith(digest)
