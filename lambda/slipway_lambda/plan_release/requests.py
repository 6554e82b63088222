"""The requests a release sends to SageMaker, all derived from what is released."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.shift import PROVISIONING_SECONDS
from slipway_lambda.plan_release.package import Package


def content_name(spec: ReleaseSpec, package: Package) -> str:
    """`<endpoint>-v<version>-<hash8>` for the model and the config alike: the same content has the same name, so a
    repeated release finds what it made, and other bytes under the same version never hide behind an old name.
    """
    content = {
        "image": package.image,
        "artefact": [package.model_data_url, package.artefact_sha256],
        "environment": dict(package.environment),
        "instances": [spec.instance_type, spec.instance_count, spec.startup_timeout_seconds, spec.variant],
        "capture": [spec.capture_percent, spec.capture_uri, spec.capture_key_arn],
        "security": [spec.hosting_role_arn, spec.volume_key_arn],
        # A member more only where it is declared: what serves already keeps its name.
        **({"fallbacks": spec.fallback_instance_types} if spec.fallback_instance_types else {}),
    }
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return f"{spec.endpoint}-v{package.version}-{digest}"


def model_request(spec: ReleaseSpec, package: Package) -> dict[str, Any]:
    """CreateModel: the image by digest, no way out to the network."""
    return {
        "ModelName": content_name(spec, package),
        "PrimaryContainer": {
            "Image": package.image,
            "ModelDataUrl": package.model_data_url,
            "Environment": dict(package.environment),
        },
        "ExecutionRoleArn": spec.hosting_role_arn,
        "EnableNetworkIsolation": True,
    }


def config_request(spec: ReleaseSpec, package: Package) -> dict[str, Any]:
    """CreateEndpointConfig: one variant, always of the same name (guardrails need it), every request and answer
    captured.
    """
    name = content_name(spec, package)
    request: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": spec.variant,
                "ModelName": name,
                **_hardware(spec),
                "InitialInstanceCount": spec.instance_count,
                "InitialVariantWeight": 1.0,
                "ContainerStartupHealthCheckTimeoutInSeconds": spec.startup_timeout_seconds,
            }
        ],
    }
    if spec.capture_percent > 0:
        request["DataCaptureConfig"] = _capture(spec)
    if spec.volume_key_arn:
        request["KmsKeyId"] = spec.volume_key_arn
    return request


def _hardware(spec: ReleaseSpec) -> dict[str, Any]:
    """SageMaker itself takes the next type, for each instance, where there is no capacity of the one before."""
    if not spec.fallback_instance_types:
        return {"InstanceType": spec.instance_type}
    pools = [{"InstanceType": kind, "Priority": rank} for rank, kind in enumerate(spec.instance_types, 1)]
    return {"InstancePools": pools, "VariantInstanceProvisionTimeoutInSeconds": PROVISIONING_SECONDS}


def _capture(spec: ReleaseSpec) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": spec.capture_percent,
        "DestinationS3Uri": spec.capture_uri,
        "KmsKeyId": spec.capture_key_arn,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Bodies of other types are captured in base64, which no monitor reads without knowing the type.
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }


def live_record(package: Package, name: str, previous: Mapping[str, Any], keep: int = 10) -> dict[str, Any]:
    """What the ledger holds of the live version once it is verified; `verified` lists configs newest first."""
    entry = {"config": name, "version": package.version}
    history = [entry, *(h for h in previous.get("verified", []) if h["config"] != name)][:keep]
    return {
        "version": package.version,
        "package_arn": package.arn,
        "config": name,
        "model": name,
        "image_digest": package.digest,
        "artefact_sha256": package.artefact_sha256,
        "data_version": package.data_version,
        "commit": package.commit,
        "approval": package.approval,
        "approved_by": package.approved_by,
        **package.uris,
        "previous_config": next((h["config"] for h in history[1:]), ""),
        "verified": history,
    }
