"""Conditions of a template that compute: the engine compares Fn::Join, Fn::Sub and the like as written, never as meant.

The CDK's bootstrap template relies on it: without this its execution role gets no policy at all.
"""

from collections.abc import Callable
from typing import Any

from rehearsal.runtime import Runtime

# What the engine itself understands inside a condition; all else is computed first.
_LEFT = frozenset({"Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition", "Ref", "Fn::Select"})


def evaluated(original: Callable[..., dict[str, bool]], _: Runtime) -> Callable[..., dict[str, bool]]:
    """{condition: whether it holds}, with functions in the operands computed first."""

    def evaluate(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
        from ministack.services.cloudformation import engine

        def computed(value: Any) -> Any:
            if isinstance(value, list):
                return [computed(item) for item in value]
            if not isinstance(value, dict) or len(value) != 1:
                return value
            ((name, operand),) = value.items()
            if name in _LEFT:
                return {name: operand if name in ("Ref", "Condition") else computed(operand)}
            return engine._resolve_refs(value, {}, params, {}, template.get("Mappings") or {}, "", "")

        conditions = {name: computed(one) for name, one in (template.get("Conditions") or {}).items()}
        return original({**template, "Conditions": conditions}, params)

    return evaluate
