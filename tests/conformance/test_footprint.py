"""What an idle cloud costs."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rehearsal.cloud import Cloud

pytestmark = pytest.mark.rehearsal


def megabytes(cloud: Cloud) -> float:
    """Memory of all processes of a cloud; pages that they share count once (PSS)."""
    return sum(psutil.Process(one["pid"]).memory_full_info().pss for one in cloud.processes()) / 1e6


def test_an_idle_cloud_is_small(tmp_path: Path, figure: Callable[..., None]) -> None:
    began = time.monotonic()
    with Cloud.start(tmp_path) as cloud:
        started = time.monotonic() - began
        cloud.client("sagemaker").list_endpoints()  # what is loaded on first use belongs to it
        cloud.client("stepfunctions").list_state_machines()
        used = megabytes(cloud)
    figure("idle: memory of all processes, MB", f"{used:.0f}", "<= 150", used <= 150)
    figure("idle: seconds to the first answer", f"{started:.2f}", "-", True)


OBJECT_BYTES, OBJECTS = 1 << 20, 60
ASKED_MB = 130
# One call that reads of each service that a rehearsal of ours goes to.
CALLS = (
    ("cloudformation", "list_stacks"), ("cloudwatch", "list_metrics"), ("codebuild", "list_projects"),
    ("dynamodb", "list_tables"), ("ecr", "describe_repositories"), ("events", "list_rules"), ("iam", "list_roles"),
    ("kms", "list_keys"), ("lambda", "list_functions"), ("logs", "describe_log_groups"), ("s3", "list_buckets"),
    ("sagemaker", "list_endpoints"), ("sns", "list_topics"), ("sqs", "list_queues"), ("ssm", "describe_parameters"),
    ("stepfunctions", "list_state_machines"), ("sts", "get_caller_identity"),
)  # fmt: skip


def test_objects_and_many_services_hardly_make_it_larger(tmp_path: Path, figure: Callable[..., None]) -> None:
    """What is stored lies on disk; models of services are read once, without their documentation."""
    with Cloud.start(tmp_path) as cloud:
        for service, call in CALLS:
            getattr(cloud.client(service), call)()
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="load", CreateBucketConfiguration={"LocationConstraint": cloud.region})
        s3.put_bucket_versioning(Bucket="load", VersioningConfiguration={"Status": "Enabled"})
        for number in range(OBJECTS):
            body = bytes([number]) * OBJECT_BYTES
            s3.put_object(Bucket="load", Key=f"{number % 20}", Body=body)
        deadline = time.monotonic() + 10
        while (used := megabytes(cloud)) > ASKED_MB and time.monotonic() < deadline:
            time.sleep(0.2)  # a timer takes the bodies out of memory
        assert s3.get_object(Bucket="load", Key="7")["Body"].read() == bytes([47]) * OBJECT_BYTES
        versions = s3.list_object_versions(Bucket="load", Prefix="7")["Versions"]
        oldest = next(one for one in versions[::-1] if one["Key"] == "7")
        read = s3.get_object(Bucket="load", Key="7", VersionId=oldest["VersionId"])["Body"].read()
        assert read == bytes([7]) * OBJECT_BYTES
    figure("after calls to 17 services and 60 MB in S3: memory, MB", f"{used:.0f}", f"<= {ASKED_MB}", used <= ASKED_MB)
