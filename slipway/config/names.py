"""Physical names that two deployables must agree on. Everything else is named by CloudFormation."""

from slipway.config.model import Model
from slipway.config.platform import Environment, Platform

VARIANT = "main"
"""The one production variant. Guardrails need the same name in the old and the new endpoint config."""


def endpoint(model: Model, environment: Environment) -> str:
    """The endpoint's name, at most 41 characters; config names add `-v<version>-<8 hex>` within SageMaker's 63."""
    return f"{model.name}-{environment.name}"


def package_group(model: Model) -> str:
    """The model package group's name. Lower case, since package ARNs lower it."""
    return model.name


def stage(environment: Environment) -> str:
    """The CDK stage's id."""
    return "".join(word.capitalize() for word in environment.name.split("-"))


def model_id(model: Model) -> str:
    """The model's part of a stack id."""
    return "".join(word.capitalize() for word in model.name.split("-"))


def stack_prefix(platform: Platform) -> str:
    """What every stack name begins with."""
    return platform.name
