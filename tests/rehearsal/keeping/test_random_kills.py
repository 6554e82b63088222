"""Killed at random moments under a mixed load: whatever was answered is there, and nothing is half there."""

import contextlib
import random
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = pytest.mark.rehearsal
SEED = 20261121


class Load:
    """Writers of several services; each remembers what was answered."""

    def __init__(self, world: Any, round_: int) -> None:
        self._world, self._round = world, round_
        self.answered: dict[str, list[str]] = {name: [] for name in WRITES}
        self._threads = [threading.Thread(target=self._write, args=(name,)) for name in WRITES]
        for name in WRITES:
            world.client(CLIENTS[name])  # made before the threads share them
        for thread in self._threads:
            thread.start()

    def _write(self, name: str) -> None:
        client = self._world.client(CLIENTS[name])
        with contextlib.suppress(ClientError, BotoCoreError):
            for number in range(100_000):
                key = f"{self._round}-{number}"
                WRITES[name](client, key)
                self.answered[name].append(key)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


CLIENTS = {"objects": "s3", "items": "dynamodb", "groups": "sagemaker", "topics": "sns", "parameters": "ssm"}
WRITES: dict[str, Any] = {
    "objects": lambda client, key: client.put_object(Bucket="kept", Key=key, Body=key.encode() * 50),
    "items": lambda client, key: client.put_item(TableName="kept", Item={"pk": {"S": key}, "twice": {"S": key * 2}}),
    "groups": lambda client, key: client.create_model_package_group(
        ModelPackageGroupName=f"g{key}", Tags=[{"Key": "key", "Value": key}]
    ),
    "topics": lambda client, key: client.create_topic(Name=f"t{key}", Tags=[{"Key": "key", "Value": key}]),
    "parameters": lambda client, key: client.put_parameter(Name=f"/p/{key}", Value=key, Type="String"),
}


def found(world: Any) -> dict[str, set[str]]:
    """Keys of what is there, each looked at whole: a part of it alone fails here."""
    s3, items, sagemaker = world.client("s3"), world.client("dynamodb"), world.client("sagemaker")
    there: dict[str, set[str]] = {name: set() for name in WRITES}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept"):
        for one in page.get("Contents", []):
            assert s3.get_object(Bucket="kept", Key=one["Key"])["Body"].read() == one["Key"].encode() * 50
            there["objects"].add(one["Key"])
    for page in items.get_paginator("scan").paginate(TableName="kept"):
        for one in page["Items"]:
            assert one["twice"]["S"] == one["pk"]["S"] * 2
            there["items"].add(one["pk"]["S"])
    for page in sagemaker.get_paginator("list_model_package_groups").paginate(MaxResults=100):
        for one in page["ModelPackageGroupSummaryList"]:
            tags = sagemaker.list_tags(ResourceArn=one["ModelPackageGroupArn"])["Tags"]
            assert tags == [{"Key": "key", "Value": one["ModelPackageGroupName"][1:]}]
            there["groups"].add(one["ModelPackageGroupName"][1:])
    for page in world.client("sns").get_paginator("list_topics").paginate():
        there["topics"] |= {one["TopicArn"].rpartition(":")[2][1:] for one in page["Topics"]}
    for page in world.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/p"):
        for one in page["Parameters"]:
            assert one["Name"] == f"/p/{one['Value']}"
            there["parameters"].add(one["Value"])
    return there


@pytest.mark.fault("H01")
@pytest.mark.fault("H05")
def test_whatever_was_answered_is_there_after_each_kill(world: Any, request: pytest.FixtureRequest) -> None:
    kills = 10 if request.config.getoption("--conformance") else 2
    chosen = random.Random(SEED)
    world.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    world.client("dynamodb").create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    answered: dict[str, set[str]] = {name: set() for name in WRITES}
    for round_ in range(kills):
        load = Load(world, round_)
        time.sleep(chosen.uniform(0.3, 1.2))  # the moment of the kill, not a wait for something
        world.kill()
        load.join()
        for name, keys in load.answered.items():
            assert keys, f"{name} wrote nothing in round {round_}"
            answered[name] |= set(keys)
        world.up()
        there = found(world)
        lost = {name: sorted(answered[name] - there[name])[:5] for name in WRITES if answered[name] - there[name]}
        assert lost == {}, f"answered, and gone after kill {round_}"
        assert world.cloud.control("GET", "status")["keep_error"] is None
