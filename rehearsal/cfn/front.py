"""In front of the emulator's CloudFormation: templates that it would take and the service refuses."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from rehearsal.adapter import Response
from rehearsal.runtime import Runtime

Handler = Callable[..., Awaitable[Response]]
_READING = ("CreateStack", "UpdateStack", "CreateChangeSet", "ValidateTemplate")
# Transforms that the engine carries out; all others are macros, functions of somebody's account.
_KNOWN = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions")
_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com")
_SUB = re.compile(r"\$\{([^!}][^}]*)\}")


def guarded(original: Handler) -> Handler:
    """The service's handler behind these checks."""

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        form = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True) if body else {}
        if form.get("Action", [""])[0] in _READING:
            if url := form.get("TemplateURL", [""])[0]:
                form["TemplateURL"] = [by_path(url)]
                body = urlencode(form, doseq=True).encode()
            fault = _fault(form)
            if fault:
                return _refused(fault)
        return await original(method, path, headers, body, query)

    return handle


def by_path(url: str) -> str:
    """`https://bucket.s3.region.amazonaws.com/key` as `https://s3.region.amazonaws.com/bucket/key`."""
    parts = urlsplit(url)
    match = _HOST.fullmatch(parts.netloc)
    return f"https://s3.amazonaws.com/{match['bucket']}{parts.path}" if match else url


def _fault(form: Mapping[str, Any]) -> str | None:
    from ministack.services.cloudformation import engine, helpers

    text, refused = helpers._resolve_template(dict(form))
    if refused or not text:
        return None  # the service itself says what is wrong, or the template is the previous one
    try:
        template = engine._parse_template(text)
    except Exception:
        return None
    return fault_of(template) if isinstance(template, dict) else None


def fault_of(template: Mapping[str, Any]) -> str | None:
    """What is wrong with a template, in CloudFormation's words."""
    if not template.get("Resources"):
        return "Template format error: At least one Resources member must be defined."
    declared = template.get("Transform") or []
    names = [declared] if isinstance(declared, str | dict) else list(declared)
    for name in names:
        named = name.get("Name") if isinstance(name, dict) else name
        if named not in _KNOWN:
            return f"No transform named {named} found. (The embedded cloud runs no macros.)"
    if any(key == "Fn::Transform" for key, _ in _functions(template)):
        return "The embedded cloud runs no macros: Fn::Transform"
    if names or "Fn::ForEach" in str(template):
        return None  # what is named only exists once it is expanded
    return _unresolved(template)


def _unresolved(template: Mapping[str, Any]) -> str | None:
    known = {*template["Resources"], *(template.get("Parameters") or {})}
    for block in ("Resources", "Outputs"):
        missing = sorted(set(_named(template.get(block) or {})) - known)
        if missing:
            blame = f"[{', '.join(missing)}] in the {block} block of the template"
            return f"Template format error: Unresolved resource dependencies {blame}"
    return None


def _functions(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key), value
            yield from _functions(value)
    elif isinstance(node, list):
        for item in node:
            yield from _functions(item)


def _named(block: Mapping[str, Any]) -> Iterator[str]:
    """Every logical id that Ref, Fn::GetAtt, Fn::Sub and DependsOn name."""
    for key, value in _functions(block):
        if key == "Ref" and isinstance(value, str):
            yield from (value,) if not value.startswith("AWS::") else ()
        elif key == "Fn::GetAtt":
            yield str(value[0] if isinstance(value, list) else value).split(".")[0]
        elif key == "Fn::Sub":
            text, own = (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (value, {})
            if isinstance(text, str):
                for found in _SUB.findall(text):
                    name = found.strip().split(".")[0]
                    if not name.startswith("AWS::") and name not in own:
                        yield name
        elif key == "DependsOn" and isinstance(value, str | list):
            yield from [value] if isinstance(value, str) else [one for one in value if isinstance(one, str)]


def _refused(message: str) -> Response:
    from ministack.services.cloudformation import helpers

    answer: Response = helpers._error("ValidationError", message)
    return answer


def resolve(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """`Fn::GetStackOutput` of another region, or through a role of another account."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import cloudformation

    from rehearsal.emulator import within
    from rehearsal.host import Scope
    from rehearsal.permissions import Need

    def resolved(value: Any, *rest: Any) -> Any:
        spec = value.get("Fn::GetStackOutput") if isinstance(value, dict) else None
        if not isinstance(spec, dict) or not (spec.get("Region") or spec.get("RoleArn")):
            return original(value, *rest)
        given = {key: original(part, *rest) for key, part in spec.items() if part}
        role = str(given.get("RoleArn") or "")
        account = role.split(":")[4] if role.count(":") >= 5 else get_account_id()
        scope = Scope(account, str(given.get("Region") or get_region()))
        name = str(given["StackName"])
        name = name.split("/")[1] if name.startswith("arn:") else name
        stack = within(scope, cloudformation._stacks.get, name)
        if stack is None:
            raise ValueError(f"Stack [{name}] does not exist in {scope.region} of account {account}")
        if role:
            need = Need("cloudformation:DescribeStacks", stack["StackId"])
            runtime.authority.require(role, "CloudFormation", [need], scope)
        for output in stack.get("Outputs", []):
            if output["OutputKey"] == given["OutputName"]:
                return output["OutputValue"]
        raise ValueError(f"Output '{given['OutputName']}' not found in stack '{name}'")

    return resolved
