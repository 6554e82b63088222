"""`slipway validate`."""

from slipway.cli import output, project


def validate(*, as_json: bool) -> None:
    """Raises DeclarationError, which the guard prints in full."""
    found = project.declarations()
    if as_json:
        facts = {
            "ok": True,
            "faults": [],
            "platform": found.platform.name,
            "environments": [environment.name for environment in found.platform.environments],
            "models": [model.name for model in found.models],
        }
        output.json_object(facts)
        return
    environments = ", ".join(e.name for e in found.platform.environments)
    models = ", ".join(m.name for m in found.models) or "none yet: add models/<name>/model.yaml"
    output.out(f"{output.MARKS['ok']} platform {found.platform.name}; environments: {environments}; models: {models}")
