"""`slipway doctor`."""

from dataclasses import asdict

import typer

from slipway.cli import output, project
from slipway.cli.checks import every_check


def doctor(*, as_json: bool, port: int) -> None:
    """Exit code 1 when any check fails; warnings leave it 0."""
    findings = every_check(project.root(), port)
    ok = all(finding.state != "fail" for finding in findings)
    if as_json:
        output.json_object({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            output.out(f"{output.MARKS[finding.state]} {finding.check}: {finding.what}")
            if finding.fix:
                output.out(f"    fix: {finding.fix}")
    if not ok:
        raise typer.Exit(1)
