"""The runtime API as boto3 meets it: through HTTP, signatures and policies."""

import time

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def caller(served):
    return served.client("sagemaker-runtime", "caller")


def _refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def test_a_role_that_may_invokes(caller):
    answer = caller.invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=b"1,2,3")
    assert (answer["Body"].read(), answer["ContentType"], answer["InvokedProductionVariant"]) == (b"5", "text/csv", "v")


def test_a_role_that_may_not_is_denied_and_the_denial_is_in_the_audit(served):
    reader = served.client("sagemaker-runtime", "reader")
    status, code, message = _refusal(reader.invoke_endpoint, EndpointName="e", Body=b"1")
    assert (status, code) in ((403, "AccessDeniedException"), (400, "AccessDeniedException"))
    assert "not authorized to perform: sagemaker:InvokeEndpoint" in message
    denied = [
        one for one in served.cloud.audit()["calls"] if one["decision"] != "allowed" and "reader" in one["principal"]
    ]
    assert denied[-1]["action"] == "sagemaker:InvokeEndpoint"


def test_a_policy_for_one_endpoint_is_for_no_other(caller):
    assert _refusal(caller.invoke_endpoint, EndpointName="queue", Body=b"1")[1] == "AccessDeniedException"


def test_a_wrong_signature_is_refused(served):
    import boto3

    session = served.cloud.session(f"arn:aws:iam::{served.cloud.account}:role/caller")
    keys = session.get_credentials().get_frozen_credentials()
    wrong = boto3.client(
        "sagemaker-runtime", endpoint_url=served.cloud.url, region_name=served.cloud.region,
        aws_access_key_id=keys.access_key, aws_secret_access_key="wrong", aws_session_token=keys.token,
    )  # fmt: skip
    status, code, _ = _refusal(wrong.invoke_endpoint, EndpointName="e", Body=b"1")
    assert (status, code) == (403, "InvalidSignatureException")


def test_the_services_errors_are_boto3s(served, caller):
    runtime = served.client("sagemaker-runtime")
    with pytest.raises(caller.exceptions.ModelError) as caught:
        caller.invoke_endpoint(EndpointName="e", Body=b"status:503")
    assert caught.value.response["OriginalStatusCode"] == 503
    status, code, message = _refusal(runtime.invoke_endpoint, EndpointName="none", Body=b"1")
    assert (status, code) == (400, "ValidationError")
    assert message == f"Endpoint none of account {served.cloud.account} not found."


@pytest.mark.fault("S17")
def test_bodies_up_to_the_limit_pass_and_larger_ones_are_refused(caller):
    answer = caller.invoke_endpoint(EndpointName="e", Body=b"x" * 6_291_456)
    assert answer["Body"].read() == b"6291456"
    for size in (6_291_457, 40_000_000):
        assert _refusal(caller.invoke_endpoint, EndpointName="e", Body=b"x" * size)[:2] == (413, "ValidationError")
    assert caller.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read() == b"1"


def test_a_streamed_answer_is_an_event_stream(caller):
    answer = caller.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"stream")
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert b"".join(parts) == b"one two"
    assert answer["ContentType"] == "text/plain"


def test_an_asynchronous_request_is_answered_in_s3(served):
    served.client("s3").put_object(Bucket="data", Key="in.csv", Body=b"1234")
    runtime = served.client("sagemaker-runtime", "work")
    answer = runtime.invoke_endpoint_async(EndpointName="queue", InputLocation="s3://data/in.csv", InferenceId="i-1")
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["InferenceId"]) == (202, "i-1")
    key = answer["OutputLocation"].removeprefix("s3://data/")
    deadline = time.monotonic() + 15
    while True:
        try:
            assert served.client("s3").get_object(Bucket="data", Key=key)["Body"].read() == b"4"
            return
        except ClientError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
