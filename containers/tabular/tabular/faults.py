"""What can be wrong with what the caller gave; each is told in one line and never as a traceback."""

from pathlib import Path

FAILURE_BYTES = 1000
"""SageMaker keeps 1,024 characters of a training job's failure and 1 KB of a processing job's message."""


class Fault(Exception):
    """Bad input. The class name is the error code that the text starts with."""

    def __str__(self) -> str:
        return f"{type(self).__name__}: {super().__str__()}"


class DataFault(Fault):
    """The rows are not what the schema says."""


class ParameterFault(Fault):
    """A hyperparameter or setting is unknown or out of its range."""


class ArtefactFault(Fault):
    """A model artefact is unsafe, torn, or another than the one asked for."""


class ContractFault(Fault):
    """A file that the job should have been given is missing or not readable."""


class InterruptedFault(Fault):
    """The job was told to stop; what it had is in its checkpoint."""


def write_text(path: Path, text: str) -> None:
    """Leave `text`, cut to what SageMaker keeps at a whole character, where the service looks for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode()[:FAILURE_BYTES].decode(errors="ignore").encode())
