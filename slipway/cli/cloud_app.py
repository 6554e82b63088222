"""`slipway cloud …`: the commands and their options."""

from typing import Annotated

import typer

from slipway.cli.guard import guarded

cloud = typer.Typer(
    help="The embedded cloud: AWS with SageMaker, on this machine. For any CDK app, not only this one.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", envvar="SLIPWAY_CLOUD_NAME", help="Which of several clouds.")
]


@cloud.command()
@guarded
def up(  # noqa: PLR0917  # each is an option of the command line
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    speed: Annotated[float, typer.Option(min=0, max=100_000, help="Cloud seconds in a second; 0: stepped.")] = 1.0,
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Start it empty.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="State survives kill -9: the next `up --keep` goes on.")] = False,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead of platform.yaml's first environment; with --region.")
    ] = None,
    region: Annotated[str | None, typer.Option(metavar="REGION", help="With --account: no declarations.")] = None,
    name: Name = "",
    quiet: Quiet = False,
) -> None:
    """Start it, and deploy every stack into it with the real CDK CLI."""
    from slipway.cli.cloud import Settings, place
    from slipway.cli.cloud import up as command

    command(Settings(port, speed, keep, name, place(account, region)), deploy=not no_deploy, quiet=quiet)


@cloud.command()
@guarded
def down(
    keep: Annotated[bool, typer.Option("--keep", help="Leave what `up --keep` wrote, for the next one.")] = False,
    name: Name = "",
    quiet: Quiet = False,
) -> None:
    """Stop it. No process, port or file is left; well if it does not run."""
    from slipway.cli.cloud import down as command

    command(name=name, keep=keep, quiet=quiet)


@cloud.command()
@guarded
def status(name: Name = "", as_json: Json = False) -> None:
    """Whether it runs, where, and how fast its clock is."""
    from slipway.cli.cloud import status as command

    command(name=name, as_json=as_json)


@cloud.command()
@guarded
def reset(name: Name = "", quiet: Quiet = False) -> None:
    """Stop it and remove all it keeps."""
    from slipway.cli.cloud import reset as command

    command(name=name, quiet=quiet)


@cloud.command("list")
@guarded
def list_clouds(as_json: Json = False) -> None:
    """Every cloud of this checkout: running, or kept and stopped."""
    from slipway.cli.cloud import clouds as command

    command(as_json=as_json)


@cloud.command()
@guarded
def env(name: Name = "", as_json: Json = False) -> None:
    """What points any tool at it: eval "$(slipway cloud env)", then aws, cdk, boto3 or the sagemaker SDK."""
    from slipway.cli.cloud_tools import env as command

    command(name=name, as_json=as_json)


@cloud.command()
@guarded
def clock(
    advance: Annotated[str, typer.Option(metavar="TIME", help="Move forward: 90s, 15m, 6h, 2d.")] = "",
    speed: Annotated[float | None, typer.Option(min=0, max=100_000, help="Cloud seconds in a second.")] = None,
    name: Name = "",
    as_json: Json = False,
) -> None:
    """Show or move its clock. What became due has been started when this returns."""
    from slipway.cli.cloud_tools import clock as command

    command(advance=advance, speed=speed, name=name, as_json=as_json)


@cloud.command()
@guarded
def fault(  # noqa: PLR0917  # each is an option of the command line
    row: Annotated[str, typer.Argument(metavar="ROW", help="Such as A01; `slipway cloud faults` lists them.")],
    where: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="What it is narrowed to.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How often it strikes.")] = 1,
    until_cleared: Annotated[bool, typer.Option("--until-cleared", help="Until `faults --clear`.")] = False,
    after: Annotated[bool, typer.Option("--after", help="It takes effect, then its answer is lost.")] = False,
    name: Name = "",
) -> None:
    """Switch a fault of the catalogue on."""
    from slipway.cli.cloud_tools import fault as command

    command(row, where or [], times=None if until_cleared else times, after=after, name=name)


@cloud.command()
@guarded
def faults(
    clear: Annotated[bool, typer.Option("--clear", help="Switch all off.")] = False,
    name: Name = "",
    as_json: Json = False,
) -> None:
    """What can be switched on, by what it may be narrowed, and what is on now."""
    from slipway.cli.cloud_tools import faults as command

    command(clear=clear, name=name, as_json=as_json)


@cloud.command()
@guarded
def quota(
    quota_name: Annotated[str, typer.Argument(metavar="QUOTA", help='Such as "ml.m5.large for endpoint usage".')],
    value: Annotated[int, typer.Argument(min=0, help="How many there may be.")],
    name: Name = "",
) -> None:
    """Set a service quota of SageMaker."""
    from slipway.cli import output
    from slipway.cli.cloud import required

    required(name).quota(quota_name, value)
    output.out(f"{quota_name}: {value}")


@cloud.command("stand-in")
@guarded
def stand_in(
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="Such as sagemaker-model-monitor-analyzer.")],
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="URI of an image that this cloud has built.")],
    name: Name = "",
) -> None:
    """Run an image wherever one that cannot be had here is asked for."""
    from slipway.cli.cloud import required

    required(name).stand_in(repository, image)


@cloud.command()
@guarded
def audit(  # noqa: PLR0917  # each is an option of the command line
    denied: Annotated[bool, typer.Option("--denied", help="Only what was denied.")] = False,
    principal: Annotated[str, typer.Option(metavar="TEXT", help="Only principals whose ARN holds this.")] = "",
    action: Annotated[str, typer.Option(metavar="TEXT", help="Only actions that hold this, such as s3:Get.")] = "",
    last: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
    name: Name = "",
    as_json: Json = False,
) -> None:
    """Every call: who asked for what on which resource, and what IAM decided."""
    from slipway.cli.cloud_tools import audit as command

    command(denied=denied, principal=principal, action=action, last=last, name=name, as_json=as_json)
