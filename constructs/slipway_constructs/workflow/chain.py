"""A whole flow readable without scrolling: one named state a line."""

from collections.abc import Iterable

from aws_cdk import aws_stepfunctions as sfn


def in_sequence(states: Iterable[sfn.IChainable]) -> sfn.Chain:
    """Chain the states in the order given. `ruff format` would spoil a `.next().next()` ladder; a list it leaves
    alone."""
    first, *rest = states
    chain = sfn.Chain.start(first)
    for state in rest:
        chain = chain.next(state)
    return chain


def expression(text: str) -> str:
    """A JSONata expression, as a state machine writes it."""
    return "{% " + text + " %}"
