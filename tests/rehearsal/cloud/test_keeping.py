"""A cloud started with `keep` loses nothing that it answered, whatever kills it."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal import keeper
from rehearsal.cloud import Cloud
from rehearsal.errors import CloudError

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Starts a cloud that keeps its state in the test's directory; again and again, once the last is dead."""
    clouds: list[Cloud] = []

    def start(**options: Any) -> Cloud:
        clouds.append(Cloud.start(tmp_path, keep=True, **options))
        return clouds[-1]

    yield start
    for cloud in clouds:
        with contextlib.suppress(OSError):
            cloud.stop()


def kill(cloud: Cloud) -> None:
    os.killpg(cloud.pid, signal.SIGKILL)
    assert cloud._process is not None
    cloud._process.wait()


@pytest.mark.fault("H01")
def test_what_was_answered_is_there_after_a_kill(kept: Callable[..., Cloud]) -> None:
    cloud = kept(speed=100)
    s3, dynamodb = cloud.client("s3"), cloud.client("dynamodb")
    s3.create_bucket(Bucket="kept-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    dynamodb.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.client("sagemaker").create_model_package_group(
        ModelPackageGroupName="kept", Tags=[{"Key": "team", "Value": "a"}]
    )
    for number in range(10):
        s3.put_object(Bucket="kept-bucket", Key=f"k/{number}", Body=b"x" * number, Metadata={"n": str(number)})
        dynamodb.put_item(TableName="kept", Item={"pk": {"S": str(number)}})
    url, now = cloud.url, cloud.clock.now()
    kill(cloud)

    again = kept(speed=100)
    assert again.url == url, "addresses that were handed out stay true"
    assert again.clock.now() >= now
    found = again.client("s3").get_object(Bucket="kept-bucket", Key="k/9")
    assert (found["Body"].read(), found["Metadata"]) == (b"x" * 9, {"n": "9"})
    assert again.client("dynamodb").scan(TableName="kept")["Count"] == 10
    sagemaker = again.client("sagemaker")
    (group,) = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert sagemaker.list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    assert again.control("GET", "status")["keep_error"] is None


@pytest.mark.fault("H05")
def test_a_torn_generation_is_ignored(kept: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = kept()
    cloud.client("sns").create_topic(Name="kept")
    kill(cloud)
    folder = tmp_path / keeper.FOLDER
    newest = int((folder / "current").readlink().name)
    torn = folder / str(newest + 1)
    torn.mkdir()
    (torn / "sns.json").write_text('{"topics": {"__account')  # as a kill in the middle of writing leaves it
    topics = kept().client("sns").list_topics()["Topics"]
    assert [topic["TopicArn"].rpartition(":")[2] for topic in topics] == ["kept"]


@pytest.mark.fault("H06")
def test_another_port_when_the_old_one_is_taken(kept: Callable[..., Cloud]) -> None:
    cloud = kept()
    cloud.client("sns").create_topic(Name="kept")
    port = int(cloud.url.rpartition(":")[2])
    kill(cloud)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        again = kept()
        assert not again.url.endswith(f":{port}")
        assert again.client("sns").list_topics()["Topics"]


def test_stop_with_keep_can_be_taken_up_and_without_leaves_nothing(kept: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = kept()
    cloud.client("sns").create_topic(Name="kept")
    cloud.stop(keep=True)
    again = kept()
    assert again.client("sns").list_topics()["Topics"]
    again.stop()
    assert not (tmp_path / keeper.FOLDER).exists()


def test_kept_state_is_never_passed_over_or_taken_for_another_place(kept: Callable[..., Cloud], tmp_path: Path) -> None:
    kept().stop(keep=True)
    with pytest.raises(CloudError, match="kept state of an earlier cloud") as raised:
        Cloud.start(tmp_path)
    assert "--keep" in raised.value.fix
    with pytest.raises(CloudError, match="is of region eu-west-1, not us-east-1"):
        kept(region="us-east-1")


@pytest.mark.parametrize(
    ("method", "path", "target", "expected"),
    [
        ("GET", "/bucket/key", "", False),
        ("PUT", "/bucket/key", "", True),
        ("POST", "/", "SageMaker.DescribeEndpoint", False),
        ("POST", "/", "SageMaker.CreateEndpoint", True),
        ("POST", "/", "DynamoDB_20120810.GetItem", False),
        ("POST", "/", "DynamoDB_20120810.UpdateItem", True),
        ("POST", "/endpoints/one/invocations", "", False),
        ("POST", "/", "", True),  # the query protocol names its action in the body only
    ],
)
def test_which_answers_wait(method: str, path: str, target: str, expected: bool) -> None:
    assert keeper.may_change(method, path, target) is expected
