"""JSONata, as Step Functions evaluates it between {% and %}.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html: version 2.0.6 without $eval, with $states
and the workflow's variables bound, six functions more, one second for each expression, and an error where an
expression yields nothing. `$now()` and `$millis()` read the cloud's clock.
"""

import copy
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonata
from jsonata.utils import Utils

from rehearsal.asl.errors import QUERY_EVALUATION_ERROR, StatesError
from rehearsal.asl.jsonata_functions import functions
from rehearsal.asl.values import dump, kind

LIMIT_MILLISECONDS = 1000
_DEEPEST = 400
_WHOLE = 2**53


class InvalidExpressionError(ValueError):
    """Not JSONata."""


def is_expression(value: Any) -> bool:
    """Text between {% and %}."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}") and len(value) >= 4


def check(value: str) -> None:
    """Raise InvalidExpressionError unless the text in {% … %} can be parsed."""
    try:
        parsed = jsonata.Jsonata.jsonata(value[2:-2].strip())
    except Exception as error:  # the parser raises whatever its tokeniser met
        raise InvalidExpressionError(_message(error)) from None
    if parsed.errors:
        raise InvalidExpressionError(_message(parsed.errors[0]))


@lru_cache(maxsize=1024)
def _parsed(inner: str) -> Any:
    """The expression's tree, which evaluating leaves as it is: a state that is entered often is parsed once."""
    return jsonata.Jsonata.jsonata(inner)


def _ready(inner: str) -> Any:
    """The expression for one evaluation in this thread: variables, limits and clock of its own."""
    expression = copy.copy(_parsed(inner))
    expression.parser = jsonata.Jsonata.get_parser()  # of this thread
    expression.environment = expression.create_frame(jsonata.Jsonata.static_frame)
    expression.environment.set_runtime_bounds(LIMIT_MILLISECONDS, _DEEPEST)
    expression.set_output_convert_nulls(False)
    jsonata.Jsonata.CURRENT.jsonata = (
        expression  # the engine evaluates with the thread's latest, as its constructor does
    )
    return expression


def _message(error: Exception) -> str:
    code = getattr(error, "error", None)
    return f"{code}: {error}" if isinstance(code, str) and code else str(error) or type(error).__name__


class Evaluator:
    """Evaluates the expressions of one state."""

    def __init__(
        self, states: Mapping[str, Any], variables: Mapping[str, Any], now: float, name: str = "", entered: int = 0
    ) -> None:
        self._bindings = {key: Utils.NULL_VALUE if value is None else value for key, value in variables.items()}
        self._bindings["states"] = dict(states)
        self._now = now
        self._where = f"An error occurred while executing the state '{name}' (entered at the event id #{entered}). "

    def fill(self, template: Any, field: str) -> Any:
        """A JSON value with every expression in it evaluated. Raises States.QueryEvaluationError."""
        if is_expression(template):
            return self.evaluate(template, field)
        if isinstance(template, dict):
            return {key: self.fill(value, f"{field}/{key}") for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value, f"{field}[{index}]") for index, value in enumerate(template)]
        return template

    def typed(self, template: Any, field: str, *kinds: str) -> Any:
        """As `fill`, for a field that must be of one of the JSON types `kinds`."""
        value = self.fill(template, field)
        if kind(value) not in kinds:
            raise self._failed(
                f"The JSONata expression '{template}' specified for the field '{field}' returned an unexpected result "
                f"type. Expected '{' or '.join(kinds)}', but was '{kind(value)}' for value: {dump(value)[:1000]}",
                field,
            )
        return value

    def evaluate(self, text: str, field: str) -> Any:
        """The value of one expression."""
        inner = text[2:-2].strip()
        try:
            expression = _ready(inner)
            for name, function in functions(self._now).items():
                expression.register_lambda(name, function)
            value = expression.evaluate(None, self._bindings)
            plain = _UNDEFINED if value is None else _plain(value)
        except StatesError:
            raise
        except Exception as error:  # whatever the engine raises is an evaluation that failed
            raise self._failed(
                f"The JSONata expression '{inner}' specified for the field '{field}' threw an error during evaluation. "
                f"{_message(error)}",
                field,
            ) from None
        if plain is _UNDEFINED:
            raise self._failed(
                f"The JSONata expression '{inner}' specified for the field '{field}' returned nothing (undefined).",
                field,
            )
        return plain

    def _failed(self, message: str, field: str) -> StatesError:
        return StatesError(QUERY_EVALUATION_ERROR, self._where + message, location=field)


_UNDEFINED = object()


def _plain(value: Any) -> Any:
    """JSON of an engine's value; what was JSON already is handed on as it is."""
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"D3001: {value} is not a number that JSON can hold")
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    raise ValueError("the result is a function, which JSON cannot represent")
