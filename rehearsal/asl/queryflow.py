"""Data flow of JSONata states: Arguments, Output, Assign."""

from collections.abc import Mapping
from typing import Any

from rehearsal.asl.errors import StatesError
from rehearsal.asl.expressions import Evaluator
from rehearsal.asl.flow import Flow, Leaving, State, check_variables


class QueryFlow(Flow):
    """See the module."""

    def evaluator(self, extra: Mapping[str, Any] | None = None, **more: Any) -> Evaluator:
        """Sees $states.input, $states.context and, if given, `result` or `errorOutput`."""
        around = self.around
        states = {"input": self.raw, "context": {**around.context, **(extra or {})}, **more}
        return Evaluator(states, around.variables, around.now, around.name, around.entered_event)

    def arguments(self) -> Any:  # see Flow
        return self.evaluator().fill(self.state["Arguments"], "Arguments") if "Arguments" in self.state else self.raw

    def result(self, result: Any) -> Leaving:
        return self._leave(self.state, self.evaluator(result=result), result)

    def through(self, fields: State | None = None) -> Leaving:
        return self._leave(self.state if fields is None else fields, self.evaluator(), self.raw)

    def caught(self, catcher: State, error: StatesError) -> Leaving:
        told = error.output()
        return self._leave(catcher, self.evaluator(errorOutput=told), told)

    def _leave(self, fields: State, evaluator: Evaluator, default: Any) -> Leaving:
        output = evaluator.fill(fields["Output"], "Output") if "Output" in fields else default
        assigned = evaluator.fill(fields["Assign"], "Assign") if "Assign" in fields else {}
        check_variables(assigned, self.around.name)
        return Leaving(output, assigned)

    def value(self, field: str, *kinds: str) -> Any:
        if field not in self.state:
            return None
        return self.evaluator().typed(self.state[field], field, *kinds)

    def template(self, template: Any, field: str, extra: Mapping[str, Any]) -> Any:
        return self.evaluator(extra).fill(template, field)

    def items(self) -> Any:
        if "Items" not in self.state:
            return self.raw
        return self.evaluator().typed(self.state["Items"], "Items", "array", "object")
