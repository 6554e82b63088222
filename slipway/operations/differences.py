"""What differs between two versions: from the registry, the runs' objects in the artefact bucket, and the jobs."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slipway.operations import approvals
from slipway.operations.errors import Failure, of_aws
from slipway.operations.target import Target
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT, commit_of, metrics_of

LIMIT_BYTES = 4 * 1024 * 1024
PLAIN = {"data version": "data_version", "image digest": "image_digest", "artefact sha256": "artefact_sha256"}
_JOB = re.compile(r"/model/([A-Za-z0-9][A-Za-z0-9-]{0,62})/output/model\.tar\.gz\Z")

Facts = dict[str, Any]
"""By part: `metrics`, `columns`, `gates` and `hyperparameters` hold an object each, the rest a text; None: absent."""


def compare(target: Target, first: int, second: int) -> dict[str, Any]:
    """`differences` by part, `same` parts, and `missing`: what one version does not tell, with the reason."""
    if first == second:
        what = f"v{first} is compared with itself."
        raise Failure("SLW203", what, where="V1 V2", fix="name two versions", exit_code=2)
    sides, missing = [], []
    for number in (first, second):
        facts, gaps = _read(target, approvals.find_version(target.where, target.model, number))
        sides.append(facts)
        missing += [{"version": number, "part": part, "why": why} for part, why in gaps.items()]
    return {**differences(*sides), "missing": missing}


def differences(one: Facts, other: Facts) -> dict[str, Any]:
    """Pure. A part that either side lacks is neither the same nor different."""
    found: dict[str, Any] = {}
    same: list[str] = []
    for part in one:
        left, right = one[part], other[part]
        if left is None or right is None:
            continue
        if left == right:
            same.append(part)
        elif isinstance(left, Mapping):
            changed = sorted(k for k in {*left, *right} if left.get(k) != right.get(k))
            found[part] = {k: [left.get(k), right.get(k)] for k in changed}
        else:
            found[part] = [left, right]
    return {"differences": found, "same": same}


def _read(target: Target, version: approvals.Version) -> tuple[Facts, dict[str, str]]:
    sagemaker = target.where.client("sagemaker")
    try:
        package = sagemaker.describe_model_package(ModelPackageName=version.arn)
    except Exception as error:
        raise of_aws(error, version.arn) from error
    notes: dict[str, str] = package.get("CustomerMetadataProperties", {})
    gaps: dict[str, str] = {}
    facts: Facts = {"metrics": metrics_of(notes)}
    if not facts["metrics"]:
        facts["metrics"], gaps["metrics"] = None, "its metadata has no metrics"
    for part, key in PLAIN.items():
        facts[part] = notes.get(key) or None
        if facts[part] is None:
            gaps[part] = f"its metadata has no {key}"
    facts["commit"] = said if (said := commit_of(package)) != UNKNOWN_COMMIT else None
    if facts["commit"] is None:
        gaps["commit"] = "nobody said which, when the app that trained it was deployed"
    for part, key, take in (("columns", "schema_uri", columns), ("gates", "gate_uri", gates)):
        facts[part], why = _object(target, notes.get(key, ""), key, take)
        if why:
            gaps[part] = why
    facts["hyperparameters"], why = _hyperparameters(target, package)
    if why:
        gaps["hyperparameters"] = why
    return facts, gaps


def columns(schema: Mapping[str, Any]) -> dict[str, str]:
    """Name → place and type, for the order of columns is part of a request; the target beside them."""
    named = {str(c["name"]): f"{place}. {c['type']}" for place, c in enumerate(schema["columns"], 1)}
    return {**named, "(target)": str(schema["target"])}


def gates(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Gate → the bound that the version was held against."""
    return {f"{row['gate']} {row['metric']}": row["bound"] for row in verdict["rows"]}


def _object(target: Target, uri: str, key: str, take: Any) -> tuple[Any, str]:
    """A JSON object of the run, reduced by `take`; or why it is not to be had."""
    if not uri.startswith("s3://") or uri.count("/") < 3:
        return None, f"its metadata has no {key}"
    bucket, name = uri.removeprefix("s3://").split("/", 1)
    try:
        body = target.where.client("s3").get_object(Bucket=bucket, Key=name)["Body"].read(LIMIT_BYTES)
        return take(json.loads(body)), ""
    except (ValueError, KeyError, TypeError):
        return None, f"{uri} is not what a run writes"
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if code in {"NoSuchKey", "404", "NoSuchBucket"}:
            return None, f"{uri} is gone"
        raise of_aws(error, uri) from error


def _hyperparameters(target: Target, package: Mapping[str, Any]) -> tuple[dict[str, str] | None, str]:
    """From the training job, whose name stands in the artefact's place."""
    containers = package.get("InferenceSpecification", {}).get("Containers", [{}])
    uri = str(containers[0].get("ModelDataUrl", "")) if containers else ""
    job = _JOB.search(uri)
    if not job:
        return None, f"its artefact {uri or '(none)'} is not from a training job of this platform"
    try:
        found = target.where.client("sagemaker").describe_training_job(TrainingJobName=job[1])
    except Exception as error:
        answer = getattr(error, "response", {}).get("Error", {})
        if answer.get("Code") in {"ValidationException", "ResourceNotFound"}:
            return None, f"training job {job[1]} is gone"
        raise of_aws(error, f"training job {job[1]}") from error
    return dict(found.get("HyperParameters", {})), ""
