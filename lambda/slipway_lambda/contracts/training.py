"""What the stages of a training say to each other, and the failures its machine tells apart.

Everything of a run lies in the artefact bucket under `<model>/runs/<run>/`:

| path | written by |
| --- | --- |
| `manifest.json` | validate_data: the training objects, as a SageMaker ManifestFile |
| `config/schema.json`, `config/prepare.json` | validate_data: what the containers read |
| `prepared/{train,holdout,baseline,report}/` | the preparing job |
| `baseline/{statistics,constraints}.json` | the baseline job |
| `checkpoints/`, `model/` | the training job |
| `evaluation/{evaluation,statistics}.json`, `evaluation/golden.jsonl` | the evaluating job |
| `gate.json` | evaluate_gate |
"""

from slipway_lambda.contracts.errors import SlipwayError

REGISTERED = "registered"
REFUSED = "refused"


class DataFaultError(SlipwayError):
    """The training data is missing, truncated or not what is declared. Found before any compute is bought."""


class ArtefactFaultError(SlipwayError):
    """The model archive is missing, is not what was asked for, or holds something that may not be unpacked."""


class EvaluationFaultError(SlipwayError):
    """The evaluation cannot be read, so nothing can be judged by it."""


def run_prefix(model: str, run: str) -> str:
    """Where everything of one run lies, with a slash at the end."""
    return f"{model}/runs/{run}/"
