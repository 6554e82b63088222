"""What an execution environment of a function is made of: code, layers, variables, role, log stream."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.functions import bootstrap as lambda_bootstrap
from rehearsal.functions.environment import Plan
from rehearsal.functions.pool import CodeStore
from rehearsal.runtime import Runtime

# With the variables, layers and logging: what two invocations must share to share an environment.
_MEMBERS = ("FunctionName", "Version", "CodeSha256", "Runtime", "Handler", "Role", "MemorySize", "Timeout")


class Planner:
    """Plans for one cloud's functions; unpacks their code."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        home = Path(runtime.lambda_python).parent.parent
        self._bootstrap = home / "bootstrap.py"
        shutil.copyfile(lambda_bootstrap.__file__, self._bootstrap)
        self._code = CodeStore(home / "code")

    def plan(self, function: Mapping[str, Any], config: Mapping[str, Any]) -> Plan:
        """Raises ValueError when the code is no zip file."""
        from ministack.services import lambda_svc as service

        account, region = service._account_region_from_function_config(config)
        layers = [service._resolve_layer_zip(layer) for layer in config.get("Layers") or ()]
        variables = (config.get("Environment") or {}).get("Variables") or {}
        parts = [account, region, *(config.get(member) for member in _MEMBERS), variables, config.get("Layers")]
        logging = config.get("LoggingConfig") or {}
        parts.append(logging)
        key = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
        code = self._code.unpacked(function["code_zip"], str(config.get("CodeSha256", "")))
        name, version = str(config["FunctionName"]), str(config.get("Version", "$LATEST"))
        group = str(logging.get("LogGroup") or f"/aws/lambda/{name}")
        day = datetime.fromtimestamp(self._runtime.clock.now(), UTC).strftime("%Y/%m/%d")
        stream = f"{day}/[{version}]{uuid.uuid4().hex}"
        return Plan(
            key=key,
            python=self._runtime.lambda_python,
            bootstrap=self._bootstrap,
            handler=str(config.get("Handler", "")),
            code=code,
            layers=tuple(self._code.unpacked(layer) for layer in layers if layer),
            memory_mb=int(config.get("MemorySize") or 128),
            environment=self._environment(config, code, group, stream),
            log_group=group,
            log_stream=stream,
        )

    def _environment(self, config: Mapping[str, Any], code: Path, group: str, stream: str) -> dict[str, str]:
        """The variables that the service sets, with the function's own; nothing of the cloud's process."""
        from ministack.core import lambda_runtime

        logging = config.get("LoggingConfig") or {}
        region = str(config["FunctionArn"]).split(":")[3]
        own = {
            "AWS_ENDPOINT_URL": self._runtime.url,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **((config.get("Environment") or {}).get("Variables") or {}),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "_HANDLER": str(config.get("Handler", "")),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime')}",
            "AWS_LAMBDA_FUNCTION_NAME": str(config["FunctionName"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize") or 128),
            "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(code),
            "LAMBDA_RUNTIME_DIR": str(self._bootstrap.parent),
            "SLIPWAY_CLOUD": str(self._runtime.state_dir),
            **lambda_runtime.execution_credentials(dict(config)),
        }
        if logging.get("LogFormat") == "JSON":
            own |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO")}
        return own
