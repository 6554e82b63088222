"""The command line. Its entry imports little: what a command needs it imports when it runs."""

import sys


def main() -> None:
    """Entry of the `slipway` script."""
    from slipway.cli.app import run

    sys.exit(run())
