"""Monitoring of one model's endpoint."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config import names
from slipway.config.model import DataQuality, Model, MonitorEngine
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.monitoring import DataQualityMonitor
from slipway_constructs.monitoring_alarms import MonitoringAlarms
from slipway_constructs.monitoring_dashboard import ModelDashboard
from slipway_constructs.monitoring_schedule import SageMakerMonitor
from slipway_constructs.registry import Images


class MonitoringStack(Stack):
    """The monitor of one endpoint, its alarms and its dashboard, in an environment that serves.

    `train_machine`: what drift starts; None where this environment trains nothing. `release_machine`: for the
    dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        images: Images,
        model: Model,
        train_machine: sfn.IStateMachine | None = None,
        release_machine: sfn.IStateMachine | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self._foundation = foundation
        self._endpoint = names.endpoint(model, foundation.environment)
        machines = {"Training": train_machine, "Release": release_machine}
        alarms = None
        quality = model.monitors.data_quality
        if quality is not None and model.monitors.engine is MonitorEngine.SAGEMAKER:
            self._service_monitor(model, quality)
        elif quality is not None:
            monitor = self._own_monitor(images, model, quality, train_machine)
            machines["Monitoring"] = monitor.machine.state_machine
            alarms = MonitoringAlarms(self, "Alarms", foundation=foundation, endpoint=self._endpoint, quality=quality)
        ModelDashboard(
            self,
            "Dashboard",
            endpoint=self._endpoint,
            alarms=alarms,
            machines={name: machine for name, machine in machines.items() if machine is not None},
        )

    def _own_monitor(
        self, images: Images, model: Model, quality: DataQuality, train_machine: sfn.IStateMachine | None
    ) -> DataQualityMonitor:
        monitor = DataQualityMonitor(
            self,
            "DataQuality",
            foundation=self._foundation,
            images=images,
            model=model,
            quality=quality,
            endpoint=self._endpoint,
            train_machine=train_machine,
            dead_letters=DeadLetters(self, "DeadLetters", foundation=self._foundation),
        )
        CfnOutput(self, "MonitorMachine", value=monitor.machine.state_machine.state_machine_arn)
        return monitor

    def _service_monitor(self, model: Model, quality: DataQuality) -> None:
        SageMakerMonitor(
            self,
            "DataQuality",
            foundation=self._foundation,
            environment=self._foundation.environment,
            model=model,
            quality=quality,
            endpoint=self._endpoint,
        )
