"""A Lambda function for one stage of a workflow, named by its verb."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from slipway_constructs.foundation import Foundation

SOURCE = Path(__file__).resolve().parents[2] / "lambda"
NOT_SOURCE = ["**/__pycache__/**", "**/*.pyc", "**/.*_cache/**"]
"""What tools leave behind; in an asset it would change the hash with every run of theirs."""


class StageFunction(lambda_.Function):
    """The handler in `lambda/slipway_lambda/<verb>/handler.py`, with a role of its own that may do nothing yet but
    write its log.

    `environment`: what the handler reads with `events.setting`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        verb: str,
        foundation: Foundation,
        timeout: Duration | None = None,
        memory_mib: int = 256,
        environment: dict[str, str] | None = None,
    ) -> None:
        folder = SOURCE / "slipway_lambda" / verb
        if not (folder / "handler.py").is_file():
            raise ValueError(
                f"stage {verb!r} has no handler: {folder.name}/handler.py is missing from lambda/slipway_lambda"
            )
        log_group = logs.LogGroup(
            scope,
            f"{id_}Log",
            encryption_key=foundation.keys.operations,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=foundation.removal_policy,
        )
        role = iam.Role(scope, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        super().__init__(
            scope,
            id_,
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler=f"slipway_lambda.{verb}.handler.handler",
            # One asset for all stages: uploaded once, and the folder is small.
            code=lambda_.Code.from_asset(str(SOURCE), exclude=NOT_SOURCE),
            role=role,
            log_group=log_group,
            timeout=timeout or Duration.seconds(30),
            memory_size=memory_mib,
            environment=environment or {},
        )
