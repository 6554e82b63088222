"""Condition keys of SageMaker requests.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.host import Scope

# Member of the request, wherever it stands, and the key it is. A key that may have several values always is a list.
_EVERYWHERE = {
    "MaxRuntimeInSeconds": "sagemaker:MaxRuntimeInSeconds",
    "EnableNetworkIsolation": "sagemaker:NetworkIsolation",
    "EnableInterContainerTrafficEncryption": "sagemaker:InterContainerTrafficEncryption",
    "VolumeKmsKeyId": "sagemaker:VolumeKmsKey",
    "MaxConcurrency": "sagemaker:ServerlessMaxConcurrency",
    "MemorySizeInMB": "sagemaker:ServerlessMemorySize",
    "FileSystemId": "sagemaker:FileSystemId",
    "FileSystemAccessMode": "sagemaker:FileSystemAccessMode",
    "FileSystemType": "sagemaker:FileSystemType",
    "DirectoryPath": "sagemaker:FileSystemDirectoryPath",
}
_LISTS = {
    "InstanceType": "sagemaker:InstanceTypes",
    "AcceleratorType": "sagemaker:AcceleratorTypes",
    "Subnets": "sagemaker:VpcSubnets",
    "SecurityGroupIds": "sagemaker:VpcSecurityGroupIds",
}
_OUTPUTS = frozenset(
    {
        "OutputDataConfig",
        "ProcessingOutputConfig",
        "TransformOutput",
        "OutputConfig",
        "MonitoringOutputConfig",
        "DataQualityJobOutputConfig",
        "ModelQualityJobOutputConfig",
    }
)


def of_params(action: str, params: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """The keys of a request, named as the reference names them."""
    keys: dict[str, Any] = {}
    lists: dict[str, list[str]] = {}
    for parent, name, value in _walk(params):
        if name in _EVERYWHERE and not isinstance(value, Mapping | list):
            keys.setdefault(_EVERYWHERE[name], _text(value))
        if name in _LISTS:
            lists.setdefault(_LISTS[name], []).extend(map(str, value if isinstance(value, list) else [value]))
        if name == "KmsKeyId" and parent in _OUTPUTS:
            keys.setdefault("sagemaker:OutputKmsKey", value)
    if action == "CreateEndpointConfig":
        if params.get("KmsKeyId"):
            keys["sagemaker:VolumeKmsKey"] = params["KmsKeyId"]
        models = [variant.get("ModelName") for variant in params.get("ProductionVariants") or [] if variant]
        prefix = f"arn:aws:sagemaker:{scope.region}:{scope.account}:model/"
        lists["sagemaker:ModelArn"] = [f"{prefix}{name}".lower() for name in models if name]
    if action in ("CreateModelPackage", "UpdateModelPackage"):
        keys |= _registry(params)
    if action.startswith("InvokeEndpoint") and params.get("TargetModel"):
        keys["sagemaker:TargetModel"] = params["TargetModel"]
    return keys | {name: values for name, values in lists.items() if values} | tag_keys(params)


def tag_keys(params: Mapping[str, Any]) -> dict[str, Any]:
    """aws:RequestTag/… and aws:TagKeys."""
    tags = [tag for tag in params.get("Tags") or [] if isinstance(tag, Mapping)]
    names = [str(tag.get("Key")) for tag in tags] + [str(name) for name in params.get("TagKeys") or []]
    keys: dict[str, Any] = {f"aws:RequestTag/{tag.get('Key')}": str(tag.get("Value", "")) for tag in tags}
    return keys | ({"aws:TagKeys": names} if names else {})


def _registry(params: Mapping[str, Any]) -> dict[str, Any]:
    life = params.get("ModelLifeCycle") or {}
    keys = {
        "sagemaker:ModelApprovalStatus": params.get("ModelApprovalStatus"),
        "sagemaker:ModelLifeCycle:stage": life.get("Stage"),
        "sagemaker:ModelLifeCycle:stageStatus": life.get("StageStatus"),
    }
    for name, value in (params.get("CustomerMetadataProperties") or {}).items():
        keys[f"sagemaker:CustomerMetadataProperties/{name}"] = value
    removed = [str(name) for name in params.get("CustomerMetadataPropertiesToRemove") or []]
    keys["sagemaker:CustomerMetadataPropertiesToRemove"] = removed or None
    return {name: value for name, value in keys.items() if value is not None}


def _walk(value: Any, parent: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if item is not None:
                yield parent, name, item
                yield from _walk(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, parent)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
