"""Options and arguments that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Aws = Annotated[bool, typer.Option("--aws", help="Ask the AWS account even if an embedded cloud runs here.")]
Env = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="Which environment, when several serve.", show_default=False)
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is kept.")]
Model = Annotated[str, typer.Argument(metavar="MODEL")]
Version = Annotated[str, typer.Argument(metavar="MODEL@V", help="Such as flight-delays@3.")]
MaybeVersion = Annotated[str, typer.Argument(metavar="MODEL[@V]", help="Such as flight-delays, or flight-delays@3.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Wait for its end, and tell each step.")]
