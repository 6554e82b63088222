"""An endpoint's scaling over a release: deregistered for the shift, restored before the lock is given back."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.failing import VARIABLE, remember
from slipway_constructs.workflow.release_calls import on_failure, stage, whatever_happens
from slipway_lambda.contracts.release import EndpointChangingError, Outcome

RETRY = "See what the error names; then an operator's release, or another approval, tries again."
REPAIRED = "The version is live and good; each sweep restores its scaling. See what the error names."
SIZED = "$merge([$plan, $states.result.Payload])"


class ReleaseScaling(Construct):
    """Expects: `spec`, `plan`. `before_the_shift` and `before_going_back` leave a `plan` for as many instances as are
    live; `at_the_end` leaves the endpoint scaling as declared.

    Only in machines whose endpoint scales. Where the restoring fails, a release that would have been a good one ends
    as one that people are told of; other ends stay what they are, and a sweep restores.
    """

    def __init__(self, scope: Construct, id_: str, *, functions: ReleaseFunctions) -> None:
        super().__init__(scope, id_)
        self._functions = functions

    def before_the_shift(self, failed: sfn.IChainable, then: sfn.IChainable) -> sfn.CustomState:
        """An update of the instance type is refused for a scalable target (A25), and steps in whole instances must fit
        the fleet that is live when they begin."""
        state = self._deregister("Take scaling off")
        on_failure(state, failed, RETRY).next(then)
        return state

    def before_going_back(self, then: sfn.IChainable) -> sfn.CustomState:
        """What found the version already there has not taken it off."""
        state = self._deregister("Take scaling off to go back")
        whatever_happens(state, then).next(then)
        return state

    def at_the_end(self, then: sfn.IChainable) -> sfn.CustomState:
        """Whatever the release came to."""
        assert self._functions.restore_scaling is not None
        name = "Restore scaling"
        state = stage(self, name, self._functions.restore_scaling, {"spec": expression("$spec")})
        good = f'$outcome = "{Outcome.RELEASED}"'
        told = remember(name, REPAIRED)[VARIABLE].removeprefix("{% ").removesuffix(" %}")
        state.add_catch(
            then,
            errors=["States.ALL"],
            assign={
                "outcome": expression(f'{good} ? "{Outcome.UNSCALED}" : $outcome'),
                VARIABLE: expression(f"{good} ? {told} : ${VARIABLE}"),
            },
        )
        state.next(then)
        return state

    def _deregister(self, name: str) -> sfn.CustomState:
        assert self._functions.deregister_scaling is not None
        return stage(
            self,
            name,
            self._functions.deregister_scaling,
            {"spec": expression("$spec")},
            assign={"plan": expression(SIZED)},
            # A change of the fleet that scaling asked for just before.
            again_on=EndpointChangingError.__name__,
        )
