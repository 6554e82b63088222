"""Create, update, replace and delete a resource as its row of the table says."""

import time
from collections.abc import Mapping
from typing import Any

from rehearsal.cfn.calls import CallError, Calls, members
from rehearsal.cfn.kinds import Kind, Properties

# The real handlers give an endpoint's update 970 minutes; a laptop's patience is shorter.
SETTLE_SECONDS = 3600.0
_POLL_SECONDS = (0.02, 0.5)
Made = tuple[str, dict[str, Any]]


class Resource:
    """The functions of one type, as the engine calls them, on a worker thread."""

    def __init__(self, kind: Kind, calls: Calls) -> None:
        self.kind, self._calls = kind, calls

    def handlers(self) -> dict[str, Any]:
        """The engine's entry for the type."""
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        """Make it and wait until it is settled; what does not settle is removed again before the stack fails."""
        kind = self.kind
        self._refuse_unknown(properties)
        name = self._name(logical_id, properties, stack)
        params = {**({kind.name: name} if kind.name else {}), **kind.adapt(properties)}
        if kind.service == "sagemaker":
            params["Tags"] = self._tags(properties, stack, logical_id)
        answer = self._call(kind.create, params)
        physical_id = str(_path(answer, kind.ref)) if kind.ref else name
        try:
            self._settle(physical_id, properties, name)
            self._afterwards({}, properties, name)
            return physical_id, self._attributes(physical_id, properties, name, answer)
        except ValueError:
            self._remove(physical_id, properties)
            raise

    def update(self, physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Made:
        """In place where the type allows it; else another resource, and the engine removes the old one at the end."""
        kind = self.kind
        self._refuse_unknown(new)
        if kind.replaced_by(old, new):
            return self._replace(old, new, stack, logical_id)
        name = self._name(logical_id, new, stack) if kind.ref == "" else self._name_of(physical_id, new)
        changed = {key for key in {*old, *new} if old.get(key) != new.get(key)} - {"Tags", *kind.own}
        answer: dict[str, Any] = {}
        if changed:
            if not kind.update:
                raise ValueError(f"{kind.type} cannot change {', '.join(sorted(changed))} in the embedded cloud")
            params = kind.change(old, new) if kind.change else kind.adapt(new)
            identity = {
                kind.named_by: self._identity(physical_id, new),
                **({kind.ref: physical_id} if kind.ref else {}),
            }
            answer = self._call(kind.update, {**params, **identity})
            self._settle(physical_id, new, name)
        self._afterwards(old, new, name)
        self._retag(physical_id, old, new, stack, logical_id)
        return physical_id, self._attributes(physical_id, new, name, answer)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Remove it; one that is already gone is no fault."""
        kind = self.kind
        params = (
            kind.deletion(physical_id, properties)
            if kind.deletion
            else {kind.named_by: self._identity(physical_id, properties)}
        )
        try:
            if kind.beforehand:
                kind.beforehand(self._call, self._identity(physical_id, properties), properties)
            self._call(kind.delete, params)
        except CallError as error:
            if not error.missing:
                raise
            return
        deadline = time.monotonic() + SETTLE_SECONDS
        pause = _POLL_SECONDS[0]
        while kind.leaves and self._exists(physical_id, properties):
            if time.monotonic() > deadline:
                raise ValueError(f"{kind.type} {physical_id} is still being deleted")
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS[1])

    def _replace(self, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        from ministack.services.cloudformation import provisioners

        name = self.kind.name
        if name and old.get(name) and old.get(name) == new.get(name):
            raise ValueError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {old[name]} and update the stack again."
            )
        made: Made = provisioners._seeded_create(self.create, logical_id, new, stack)
        return made

    def _name(self, logical_id: str, properties: Properties, stack: str) -> str:
        kind = self.kind
        if not kind.name:
            return ""
        if properties.get(kind.name):
            return str(properties[kind.name])
        if not kind.generated:
            raise ValueError(f"Model validation failed (#: required key [{kind.name}] not found)")
        from ministack.services.cloudformation import provisioners

        # An ARN has the name in lower case, and the ARN is all that a delete is given.
        found = provisioners._physical_name(stack, logical_id, max_len=kind.generated, lowercase=kind.lowercase)
        return str(found)

    def _name_of(self, physical_id: str, properties: Properties) -> str:
        return str(properties.get(self.kind.name) or physical_id.rsplit("/", 1)[-1])

    def _identity(self, physical_id: str, properties: Properties) -> str:
        """How the API names the resource: by its name, or by what Ref gives when it has none."""
        return self._name_of(physical_id, properties) if self.kind.name == self.kind.named_by else physical_id

    def _settle(self, physical_id: str, properties: Properties, name: str) -> None:
        rest = self.kind.settle
        if rest is None:
            return
        deadline, pause = time.monotonic() + SETTLE_SECONDS, _POLL_SECONDS[0]
        while time.monotonic() < deadline:
            found = self._describe(physical_id, properties)
            status = found.get(rest.status)
            if status in rest.settled:
                if self.kind.reached and not self.kind.reached(found, properties):
                    raise ValueError(_unsettled(name, found, "the update was rolled back"))
                return
            if status not in rest.pending:
                raise ValueError(_unsettled(name or physical_id, found, str(status)))
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS[1])
        raise ValueError(f"Exceeded attempts to wait: {name or physical_id} did not settle in {SETTLE_SECONDS:g} s")

    def _describe(self, physical_id: str, properties: Properties) -> dict[str, Any]:
        if not self.kind.describe:
            return {}
        return self._call(self.kind.describe, {self.kind.named_by: self._identity(physical_id, properties)})

    def _exists(self, physical_id: str, properties: Properties) -> bool:
        try:
            self._describe(physical_id, properties)
        except CallError as error:
            if error.missing:
                return False
            raise
        return True

    def _remove(self, physical_id: str, properties: Properties) -> None:
        try:
            self.delete(physical_id, properties)
        except ValueError:  # the reason of the failed creation is what the stack shows
            return

    def _attributes(
        self, physical_id: str, properties: Properties, name: str, answer: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = self.kind
        found = {**answer, **(self._describe(physical_id, properties) if kind.describe and kind.attributes else {})}
        pairs = [attribute.partition("=")[::2] for attribute in kind.attributes]
        known = {shown: _path(found, member or shown) for shown, member in pairs}
        known |= {"Id": physical_id, **({kind.name: name} if kind.name else {})}
        return {key.replace("/", "."): _text(value) for key, value in known.items() if value is not None}

    def _afterwards(self, old: Properties, new: Properties, name: str) -> None:
        if self.kind.afterwards:
            self.kind.afterwards(self._call, old, new, name)

    def _retag(self, physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> None:
        kind = self.kind
        if kind.service != "sagemaker" or old.get("Tags") == new.get("Tags"):
            return
        arn = physical_id
        if not arn.startswith("arn:"):
            found = self._describe(physical_id, new)
            arn = str(next(value for key, value in found.items() if key in (f"{kind.type.split('::')[2]}Arn", "Arn")))
        kept = {tag["Key"] for tag in new.get("Tags") or []}
        gone = [tag["Key"] for tag in old.get("Tags") or [] if tag["Key"] not in kept]
        if gone:
            self._call("DeleteTags", {"ResourceArn": arn, "TagKeys": gone})
        self._call("AddTags", {"ResourceArn": arn, "Tags": self._tags(new, stack, logical_id)})

    def _tags(self, properties: Properties, stack: str, logical_id: str) -> list[dict[str, str]] | None:
        if self.kind.tags_of and properties.get(self.kind.tags_of):
            return list(properties.get("Tags") or []) or None
        return tagged(properties, stack, logical_id)

    def _refuse_unknown(self, properties: Properties) -> None:
        kind = self.kind
        known = members(kind.service, kind.create) | (members(kind.service, kind.update) if kind.update else set())
        known |= {"Tags", *kind.own}
        for name in properties:
            if name not in known:
                raise ValueError(f"Encountered unsupported property {name}")

    def _call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._calls(self.kind.service, action, params)


def tagged(properties: Properties, stack: str, logical_id: str) -> list[dict[str, str]]:
    """The template's tags, the stack's, and the three that CloudFormation adds."""
    from ministack.services import cloudformation

    record = cloudformation._stacks.get(stack) or {}
    tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in record.get("Tags") or []}
    tags |= {
        "aws:cloudformation:stack-name": stack,
        "aws:cloudformation:stack-id": str(record.get("StackId", "")),
        "aws:cloudformation:logical-id": logical_id,
    }
    tags |= {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or []}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _path(found: Mapping[str, Any], path: str) -> Any:
    value: Any = found
    for part in path.replace("/", ".").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | list | dict) else str(value)


def _unsettled(name: str, found: Mapping[str, Any], otherwise: str) -> str:
    reason = found.get("FailureReason") or found.get("StatusReason") or otherwise
    return f'Resource handler returned message: "Resource of type with identifier {name} did not stabilize: {reason}"'
