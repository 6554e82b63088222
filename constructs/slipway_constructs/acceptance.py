"""Accepting a policy finding, beside what causes it and with the reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

PACK = "AwsSolutions"


def accept(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding of the AwsSolutions pack on one resource.

    The id is written with the pack's name in front: only then is the acceptance, with its reason, kept in the
    validation report.
    """
    if len(reason) < 40:
        raise ValueError(f"{construct.node.path}: the reason for accepting {rule} is too short to be one: {reason!r}")
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{rule}", reason=reason))
