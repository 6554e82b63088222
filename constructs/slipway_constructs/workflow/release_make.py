"""The model and the endpoint config of a version."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import choice, native, on_failure, when

SAME_MODEL = """(
  $made := $states.result; $asked := $plan.model_request;
  $made.PrimaryContainer.Image = $asked.PrimaryContainer.Image
    and $made.PrimaryContainer.ModelDataUrl = $asked.PrimaryContainer.ModelDataUrl
    and $made.ExecutionRoleArn = $asked.ExecutionRoleArn
)"""
SAME_CONFIG = """(
  $made := $states.result.ProductionVariants[0]; $asked := $plan.config_request.ProductionVariants[0];
  $made.ModelName = $asked.ModelName
    and $made.VariantName = $asked.VariantName
    and $append($made.InstanceType, $made.InstancePools.InstanceType)
      = $append($asked.InstanceType, $asked.InstancePools.InstanceType)
    and $made.InitialInstanceCount = $asked.InitialInstanceCount
)"""
RETRY = "See what the error names; then an operator's release, or another approval, tries again."


class ReleaseMake(Construct):
    """Expects: `plan`. Leaves: the model and the endpoint config of `plan.config`, made now or found equal. Ends in
    `failed`.
    """

    def __init__(self, scope: Construct, id_: str, *, failed: sfn.IChainable, then: sfn.IChainable) -> None:
        super().__init__(scope, id_)
        config = making(
            self,
            "endpoint config",
            create="sagemaker:createEndpointConfig",
            request="$plan.config_request",
            describe="aws-sdk:sagemaker:describeEndpointConfig",
            name="EndpointConfigName",
            same=SAME_CONFIG,
            failed=failed,
            then=then,
        )
        self.start = making(
            self,
            "model",
            create="sagemaker:createModel",
            request="$plan.model_request",
            describe="aws-sdk:sagemaker:describeModel",
            name="ModelName",
            same=SAME_MODEL,
            failed=failed,
            then=config,
        )


def making(
    scope: Construct,
    noun: str,
    *,
    create: str,
    request: str,
    describe: str,
    name: str,
    same: str,
    failed: sfn.IChainable,
    then: sfn.IChainable,
    named: str = "$plan.config",
) -> sfn.CustomState:
    """Create it; where that fails, it may be there from an earlier attempt under the same content-derived name: adopt
    it if equal.

    SageMaker says "already exists" with the same error as any other refusal, so the answer is in looking.
    """
    made = native(scope, f"Create the {noun}", create, expression(request))
    look = native(
        scope,
        f"Is the {noun} already there?",
        describe,
        {name: expression(named)},
        assign={"adopted": expression(same)},
    )
    on_failure(made, look, RETRY)
    # The creation's own error stays in `failure`: that it is not there either says nothing new.
    look.add_catch(failed, errors=["States.ALL"])
    look.next(choice(scope, f"Is it the same {noun}?").when(when("$adopted"), then).otherwise(failed))
    made.next(then)
    return made
