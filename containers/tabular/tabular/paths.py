"""Where SageMaker lays things. The root is /opt/ml, or SAGEMAKER_BASE_DIR as in the SageMaker training toolkit."""

import os
from pathlib import Path


def base() -> Path:
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def channel(name: str) -> Path:
    """Directory of a training channel."""
    return base() / "input" / "data" / name


def hyperparameters() -> Path:
    return base() / "input" / "config" / "hyperparameters.json"


def checkpoints() -> Path:
    return base() / "checkpoints"


def model() -> Path:
    return base() / "model"


def failure() -> Path:
    """A training job's reason."""
    return base() / "output" / "failure"


def message() -> Path:
    """A processing job's exit message."""
    return base() / "output" / "message"


def processing_input(name: str) -> Path:
    return base() / "processing" / "input" / name


def processing_output(name: str) -> Path:
    """An output directory, made if it is not there."""
    path = base() / "processing" / "output" / name
    path.mkdir(parents=True, exist_ok=True)
    return path
