"""The roles of a training's jobs."""

from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.foundation import Foundation
from slipway_constructs.job_roles import JobRole
from slipway_constructs.registry import Images


def data_job_role(
    scope: Construct, id_: str, *, foundation: Foundation, images: Images, model: Model, runs: str
) -> JobRole:
    """Prepares, describes and evaluates: reads the training data and the run, writes the run's tables and reports."""
    role = JobRole(
        scope,
        id_,
        job="processing-job",
        log_group="/aws/sagemaker/ProcessingJobs",
        images=[images.tabular.repository, images.monitor.repository],
        volume_key=foundation.keys.models,
    )
    role.access.list(foundation.data, f"{model.data.prefix}*")
    role.access.read(foundation.data, f"{model.data.prefix}*")
    role.access.list(foundation.artefacts, f"{runs}*")
    role.access.read(foundation.artefacts, f"{runs}*")
    role.access.write(foundation.artefacts, f"{runs}*/prepared/*", f"{runs}*/baseline/*", f"{runs}*/evaluation/*")
    role.settle()
    return role


def trainer_role(scope: Construct, id_: str, *, foundation: Foundation, images: Images, runs: str) -> JobRole:
    """Trains: sees the training table and not the holdout, writes the model and its checkpoints."""
    role = JobRole(
        scope,
        id_,
        job="training-job",
        log_group="/aws/sagemaker/TrainingJobs",
        images=[images.tabular.repository],
        volume_key=foundation.keys.models,
    )
    inputs = (f"{runs}*/prepared/train/*", f"{runs}*/config/*")
    checkpoints = f"{runs}*/checkpoints/*"
    role.access.list(foundation.artefacts, *inputs, checkpoints)
    role.access.read(foundation.artefacts, *inputs, checkpoints)
    role.access.write(foundation.artefacts, f"{runs}*/model/*", checkpoints)
    role.access.delete(foundation.artefacts, checkpoints)  # the sync mirrors what the container deletes
    role.settle()
    return role
