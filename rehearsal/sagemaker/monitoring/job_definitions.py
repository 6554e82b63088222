"""The four job definitions of Model Monitor: what an execution runs, from which data, against which baseline."""

from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

DEPTH = "rules"
_MAX_SECONDS = {"DataQuality": 3600, "ModelExplainability": 3600, "ModelQuality": 1800, "ModelBias": 1800}


@dataclass(frozen=True)
class Definition:
    """A job definition of any kind, with the parts that its kind calls by its own name."""

    kind: str
    record: Record

    @classmethod
    def inline(cls, kind: str, given: Record) -> "Definition":
        """The MonitoringJobDefinition that a schedule brings with it."""
        parts = {
            f"{kind}AppSpecification": {
                **given["MonitoringAppSpecification"],
                "Environment": given.get("Environment", {}),
            },
            f"{kind}JobInput": dict(given["MonitoringInputs"][0]),
            f"{kind}BaselineConfig": given.get("BaselineConfig", {}),
            f"{kind}JobOutputConfig": given["MonitoringOutputConfig"],
            "JobResources": given["MonitoringResources"],
        }
        return cls(kind, {**given, **parts})

    @property
    def app(self) -> Record:
        """AppSpecification: ImageUri and how it is started."""
        return dict(self.record[f"{self.kind}AppSpecification"])

    @property
    def source(self) -> Record:
        """EndpointInput or BatchTransformInput."""
        found = self.record[f"{self.kind}JobInput"]
        return dict(found.get("EndpointInput") or found["BatchTransformInput"])

    @property
    def ground_truth(self) -> str | None:
        """S3 URI of the labels, of the kinds that have them."""
        found = self.record[f"{self.kind}JobInput"].get("GroundTruthS3Input")
        return str(found["S3Uri"]) if found else None

    @property
    def baseline(self) -> Record:
        """BaseliningJobName, ConstraintsResource, StatisticsResource."""
        return dict(self.record.get(f"{self.kind}BaselineConfig", {}))

    @property
    def output(self) -> Record:
        """The one S3Output."""
        return dict(self.record[f"{self.kind}JobOutputConfig"]["MonitoringOutputs"][0]["S3Output"])

    @property
    def kms_key(self) -> str | None:
        """Key of the output."""
        key = self.record[f"{self.kind}JobOutputConfig"].get("KmsKeyId")
        return str(key) if key else None

    @property
    def max_seconds(self) -> int:
        """Time limit of one execution."""
        return int(self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _MAX_SECONDS[self.kind]))


KINDS = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}


def table_of(kind: str) -> str:
    """Where definitions of a kind are kept."""
    return f"{kind}JobDefinitions"


def find(call: Call, kind: str, name: str) -> Record:
    """Raises ResourceNotFound."""
    record = call.state.table(table_of(kind)).get(name)
    if record is None:
        raise ServiceError("ResourceNotFound", f"Could not find job definition {name}.", 400)
    return record


def check_source(source: Record) -> None:
    """An endpoint or a batch transform, one of them."""
    if ("EndpointInput" in source) == ("BatchTransformInput" in source):
        raise invalid("The job input must have either an EndpointInput or a BatchTransformInput, and not both.")


def _create(call: Call, kind: str, arn_kind: str) -> Record:
    params, table = call.params, call.state.table(table_of(kind))
    name = params["JobDefinitionName"]
    if name in table:
        raise ServiceError("ResourceInUse", f"Job definition {name} already exists.", 400)
    check_source(params[f"{kind}JobInput"])
    record = call.new("JobDefinitionArn", call.arn(arn_kind, name))
    record |= {"MonitoringJobDefinitionArn": record["JobDefinitionArn"], "MonitoringJobDefinitionName": name}
    source: dict[str, Any] = params[f"{kind}JobInput"].get("EndpointInput", {})
    record |= {"EndpointName": source.get("EndpointName")}
    table[name] = record
    return call.show(record)


def _delete(call: Call, kind: str) -> Record:
    name = call.params["JobDefinitionName"]
    find(call, kind, name)
    for schedule in call.state.table("monitoring_schedules").values():
        config = schedule["MonitoringScheduleConfig"]
        if (config.get("MonitoringType"), config.get("MonitoringJobDefinitionName")) == (kind, name):
            raise invalid(
                f"Job definition {name} cannot be deleted: monitoring schedule {schedule['MonitoringScheduleName']} "
                "uses it."
            )
    del call.state.table(table_of(kind))[name]
    return {}


def _list(call: Call, kind: str) -> Record:
    rows = call.state.table(table_of(kind)).values()
    same = {"EndpointName": "EndpointName"}
    return listed(call, rows, name="JobDefinitionName", order="Descending", equal=same)


def _register(kind: str, arn_kind: str) -> None:
    noun = f"{kind}JobDefinition"

    @action(f"Create{noun}")
    def create(call: Call) -> Record:
        return _create(call, kind, arn_kind)

    @action(f"Describe{noun}")
    def describe(call: Call) -> Record:
        return call.show(find(call, kind, call.params["JobDefinitionName"]))

    @action(f"List{noun}s")
    def list_definitions(call: Call) -> Record:
        return _list(call, kind)

    @action(f"Delete{noun}")
    def delete(call: Call) -> Record:
        return _delete(call, kind)


for _kind, _arn_kind in KINDS.items():
    _register(_kind, _arn_kind)
