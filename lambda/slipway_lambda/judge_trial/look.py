"""Reading all that a trial is judged by, at one time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.trial import CHALLENGER, SERVER_ERRORS, SHADOW, Trial
from slipway_lambda.judge_trial.capture import Source, captured
from slipway_lambda.judge_trial.judge import Seen
from slipway_lambda.judge_trial.pairs import pairs_of
from slipway_lambda.judge_trial.soundness import faults_of_alarms, faults_of_endpoint, share_percent
from slipway_lambda.judge_trial.wish import wish_of
from slipway_lambda.ports.alarms import Alarms
from slipway_lambda.ports.endpoints import Endpoints
from slipway_lambda.ports.ledger import Ledger
from slipway_lambda.ports.metrics import Metrics
from slipway_lambda.ports.objects import Objects
from slipway_lambda.ports.packages import Packages
from slipway_lambda.verdicts.answers import compare_answers
from slipway_lambda.verdicts.compare import Comparison, Counts, compare

PAIRS = 500
"""Pairs of answers without which a shadow's are not judged good: one bad in a hundred is missed once in 150 trials."""


@dataclass(frozen=True)
class Ports:
    """All that is looked at."""

    endpoints: Endpoints
    packages: Packages
    alarms: Alarms
    metrics: Metrics
    ledger: Ledger
    objects: Objects


@dataclass(frozen=True)
class Case:
    """`config`: the trial's; `release_config`: what it would be promoted to. `execution`: ARN of the lock's owner.
    Times in epoch seconds; `step_began`: since when the present shares hold; `lease_until`: what the lock is to last.
    `counts`: by share (per cent), what earlier looks counted last: requests and failures of champion and challenger.
    """

    spec: ReleaseSpec
    config: str
    release_config: str
    package_arn: str
    execution: str
    began: float
    step_began: float
    now: float
    lease_until: int
    counts: Mapping[str, Sequence[int]]

    @property
    def trial(self) -> Trial:
        """The machine has a trial only where the spec declares one."""
        assert self.spec.trial is not None
        return self.spec.trial


def look(case: Case, ports: Ports) -> Seen:
    """Whatever cannot be read fails the look, and with it the trial: what is not known is not good. Renews the lock:
    a trial may last for days.
    """
    spec, trial = case.spec, case.trial
    lock = ports.ledger.renew_lock(spec.endpoint, case.execution, case.lease_until)
    endpoint = ports.endpoints.describe(spec.endpoint)
    approval = ports.packages.approval(case.package_arn)
    wanted = {**spec.dimensions_of_alarms(case.release_config), **spec.dimensions_in_trial()}
    faults = [
        *([] if lock else ["another release took the lock of this endpoint"]),
        *faults_of_endpoint(trial, case.config, spec.variant, endpoint),
        *([] if approval == "Approved" else [f"the version's approval was withdrawn, it is now {approval}"]),
        *faults_of_alarms(wanted, ports.alarms.describe(list(wanted))),
    ]
    champion, challenger = (_counts(case, ports.metrics, name) for name in (spec.variant, CHALLENGER))
    higher = trial.metric is not None and trial.metric.higher_is_better
    share = share_percent(endpoint)
    # What an earlier share showed counts on: the bound on a wrong verdict is one for the whole ramp.
    earlier = [(Counts(*c[:2]), Counts(*c[2:])) for of, c in case.counts.items() if of != str(share)]
    minimum = trial.minimum_requests
    rates = compare(champion, challenger, minimum=minimum, higher_is_better=higher, earlier=earlier)
    return Seen(
        share_percent=share,
        faults=tuple(faults),
        findings=(rates, *_of_answers(case, ports.objects)),
        wish=wish_of(lock),
        trial_seconds=case.now - case.began,
        step_seconds=case.now - case.step_began,
        champion=champion,
        challenger=challenger,
    )


def _counts(case: Case, metrics: Metrics, variant: str) -> Counts:
    """Since the last change of shares: traffic that differs by the hour would else favour one side, once the shares
    change. A user's metric knows variants only; SageMaker's is of the trial's own fleet.
    """
    metric, fleet = case.trial.metric, {"EndpointName": case.spec.endpoint, "VariantName": variant}
    if metric is None:
        metric, fleet = SERVER_ERRORS, {**fleet, "EndpointConfigName": case.config}
    totals = metrics.totals(metric.namespace, metric.name, fleet, case.step_began, case.now)
    return Counts(totals.samples, totals.sum)


def _of_answers(case: Case, objects: Objects) -> Iterator[Comparison]:
    spec, trial = case.spec, case.trial
    if spec.strategy != SHADOW:
        return
    source = Source(objects, spec.capture_uri, spec.endpoint)
    sides = (captured(source, name, case.step_began, case.now) for name in (spec.variant, CHALLENGER))
    found = compare_answers(
        pairs_of(*sides), tolerance=trial.tolerance, disagreement_percent=trial.disagreement_percent, minimum=PAIRS
    )
    yield Comparison(found.finding, found.reason)
