"""Amazon SageMaker for the embedded cloud: its API, real processes for jobs and endpoints, and nothing of the emulator around."""

from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.limits import Limits
from rehearsal.sagemaker.service import SageMaker

__all__ = ["Limits", "SageMaker", "ServiceError"]
