"""`AWS::Budgets::Budget`, whose name is inside its `Budget` property. Ref is the name."""

from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.cfn.calls import CallError, Calls
from rehearsal.cfn.kinds import Properties
from rehearsal.cfn.resource import Made


class Budget:
    """The budget changes in place; its name and its notifications are create-only."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        """Create it with its notifications."""
        from ministack.services.cloudformation import provisioners

        budget = dict(properties["Budget"])
        name = str(budget.get("BudgetName") or provisioners._physical_name(stack, logical_id, max_len=100))
        params = {
            "Budget": {**budget, "BudgetName": name},
            "NotificationsWithSubscribers": properties.get("NotificationsWithSubscribers") or [],
        }
        if properties.get("ResourceTags"):
            params["ResourceTags"] = properties["ResourceTags"]
        self._call("CreateBudget", params)
        return name, {"Id": name}

    def update(self, physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """Another limit in place; another name or other notifications make another budget."""
        from ministack.services.cloudformation import provisioners

        was, now = old["Budget"].get("BudgetName"), new["Budget"].get("BudgetName")
        notified = old.get("NotificationsWithSubscribers") != new.get("NotificationsWithSubscribers")
        if notified and now and now == was:
            raise ValueError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {now} and update the stack again."
            )
        if notified or was != now:
            made: Made = provisioners._seeded_create(self.create, logical_id, new, stack)
            return made
        self._call("UpdateBudget", {"NewBudget": {**new["Budget"], "BudgetName": physical_id}})
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, _: Properties) -> None:
        """One that is gone is no fault."""
        try:
            self._call("DeleteBudget", {"BudgetName": physical_id})
        except CallError as error:
            if not error.missing:
                raise

    def _call(self, action: str, params: dict[str, Any]) -> None:
        self._calls("budgets", action, {"AccountId": scope_of_request().account, **params})
