"""Model versions made by hand: a real archive whose small JSON says how it behaves, golden records, an approval."""

import hashlib
import io
import json
import tarfile
import time
from dataclasses import dataclass
from typing import Any

from release_load.client import ROWS, right

GOLDEN_RECORDS = 25


@dataclass(frozen=True)
class Registry:
    """One model's versions."""

    sagemaker: Any
    s3: Any
    model: str
    bucket: str
    image: str
    slow_seconds: float

    def register(self, kind: str = "good") -> int:
        """A version of this kind, not approved yet. Its evaluation was a good model's: what is wrong shows when it
        serves."""
        version = 1 + max((p["ModelPackageVersion"] for p in self._packages()), default=0)
        behaviour = json.dumps({"version": version, "kind": kind, "slow_seconds": self.slow_seconds}).encode()
        folder = f"{self.model}/runs/{version}"
        artefact = _archive({"behaviour.json": behaviour, "model.ubj": behaviour})
        golden = [
            {"content_type": "text/csv", "body": row, "prediction": float(right(row, version))}
            for row in ROWS[:GOLDEN_RECORDS]
        ]
        for name, body in (
            ("model/model.tar.gz", artefact),
            ("evaluation/golden.jsonl", "".join(json.dumps(g) + "\n" for g in golden).encode()),
        ):
            self.s3.put_object(Bucket=self.bucket, Key=f"{folder}/{name}", Body=body)
        made = self.sagemaker.create_model_package(
            ModelPackageGroupName=self.model,
            InferenceSpecification={
                "Containers": [
                    {"Image": self.image, "ModelDataUrl": f"s3://{self.bucket}/{folder}/model/model.tar.gz"}
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            CustomerMetadataProperties={
                "artefact_sha256": hashlib.sha256(artefact).hexdigest(),
                "image_digest": self.image.partition("@")[2],
                "golden_uri": f"s3://{self.bucket}/{folder}/evaluation/golden.jsonl",
            },
            ModelApprovalStatus="PendingManualApproval",
        )["ModelPackageArn"]
        assert made.endswith(f"/{version}"), made
        return version

    def approve(self, version: int) -> None:
        """By a person, with a reason."""
        (arn,) = (p["ModelPackageArn"] for p in self._packages() if p["ModelPackageVersion"] == version)
        self.sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=f"reviewed {time.time_ns()}"
        )

    def _packages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sagemaker.list_model_packages(
            ModelPackageGroupName=self.model, SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )["ModelPackageSummaryList"]
        return found


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()
