"""Models of services without their documentation are the models otherwise."""

from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader

from rehearsal import servicemodels


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session, "create_loader", botocore.session.create_loader)
    servicemodels.share()


def _undocumented(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(item, str) else _undocumented(item)
            for name, item in value.items()
        }
    return [_undocumented(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", ["sqs", "sagemaker-runtime", "apigateway"])
def test_nothing_but_the_documentation_is_left_out(service: str) -> None:
    whole = Loader().load_service_model(service, "service-2")
    lean = servicemodels.loader().load_service_model(service, "service-2")
    assert whole["documentation"]
    assert lean == _undocumented(whole)


def test_a_member_called_documentation_stays() -> None:
    member = {"shape": "Text"}
    assert servicemodels.lean([("documentation", member), ("type", "structure")])["documentation"] == member


@pytest.mark.usefixtures("shared")
def test_sessions_share_their_models() -> None:
    models = [botocore.session.Session().get_service_model("sqs") for _ in range(2)]
    assert models[0].operation_model("SendMessage").input_shape is not None
    loaders = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
    assert loaders[0] is loaders[1]


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("service", ["s3", "sagemaker", "lambda", "stepfunctions", "dynamodb"])
def test_clients_are_made_of_them(service: str) -> None:
    """Some parts of a model must have a documentation, if only an empty one."""
    session = botocore.session.Session()
    client = session.create_client(
        service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b", aws_session_token="c"
    )
    assert client.meta.service_model.operation_names
