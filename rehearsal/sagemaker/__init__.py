"""Amazon SageMaker for the embedded cloud: its API, and real processes for jobs and endpoints.

Nothing here knows the emulator around it: that is `rehearsal.host.Host`.
"""

from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.limits import Limits
from rehearsal.sagemaker.service import SageMaker

__all__ = ["Limits", "SageMaker", "ServiceError"]
