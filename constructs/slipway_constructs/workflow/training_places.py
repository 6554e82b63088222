"""Where a run's objects lie and what its jobs are called, as JSONata expressions over the machine's variables."""

from slipway_constructs.foundation import Foundation
from slipway_constructs.workflow.chain import expression

RUN = (
    "($name := $replace($states.context.Execution.Name, /[^A-Za-z0-9-]/, '-');"
    " $length($name) <= 40 ? $name"
    " : $substring($name, 0, 31) & '-' & $substring($hash($name, 'SHA-256'), 0, 8))"
)
"""The execution's name as job names may hold it: at most 40 characters, and another for each execution."""


class Places:
    """`prefix` of all runs in the artefact bucket; `$root` is a run's S3 URI with a slash at the end."""

    def __init__(self, foundation: Foundation, model: str) -> None:
        self.bucket = foundation.artefacts.bucket_name
        self.prefix = f"{model}/runs/"
        self.data_bucket = foundation.data.bucket_name

    @property
    def run_prefix(self) -> str:
        """The run's prefix in the bucket, before `$run` is there."""
        return expression(f"'{self.prefix}' & {RUN} & '/'")

    @property
    def root(self) -> str:
        """What `$root` is given."""
        return expression(f"'s3://{self.bucket}/{self.prefix}' & {RUN} & '/'")

    @staticmethod
    def at(path: str) -> str:
        """The S3 URI of something in the run."""
        return expression(f"$root & '{path}'")

    @staticmethod
    def job(step: str) -> str:
        """The name of one of the run's jobs."""
        return expression(f"$run & '-{step}'")
