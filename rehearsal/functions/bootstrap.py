"""The Python runtime of an embedded Lambda function: runs alone, in an interpreter that has nothing of this project.

`python bootstrap.py <descriptor>`: frames of four bytes of length and JSON go both ways over the descriptor. In: first
`{handler, code, layers, memory_mb}`, then one `{event, request_id, deadline_ms, arn, trace_id}` an invocation (`event`
is JSON text). Out: `{ready}` or `{error}` of the init phase, then `{result}` (JSON text) or `{error}`.

Error documents are those of AWS's runtime interface client: class name, text, request id, stack trace; its names for
what goes wrong around the handler; its line formats of `logging`.
"""

import importlib
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

TASK_ROOT = "/var/task"
# A message of several lines is one log event: its inner line ends travel as carriage returns.
LINE_END = "\r"
# Memory is watched from outside; this bounds what one allocation can take between two looks.
HEADROOM_MB = 256


class FaultError(Exception):
    """What is wrong around the handler, under the runtime's own name for it."""

    def __init__(self, kind: str, message: str, trace: "list[str] | None" = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace or []


class CognitoIdentity:
    """Always empty: nothing here invokes through Cognito."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """What the handler gets as its second argument."""

    def __init__(self, request_id: str, arn: str, deadline_ms: int, client_context: Any) -> None:
        self.aws_request_id = request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = arn
        self.tenant_id = None
        self.client_context = client_context
        self.identity = CognitoIdentity()
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class _RequestId(logging.Filter):
    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = _RequestId.current
        return True


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        sys.stdout.write(text.rstrip("\n").replace("\n", LINE_END) + "\n")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, value, trace = record.exc_info
            entry["stackTrace"] = traceback.format_list(traceback.extract_tb(trace))
            entry |= {"errorType": kind.__name__, "errorMessage": str(value)}
        entry["requestId"] = _RequestId.current
        return json.dumps(entry, ensure_ascii=False, default=str)


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime  # as the runtime does
    handler = _LogHandler()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        handler.setFormatter(_JsonFormatter())
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_RequestId())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").replace("FATAL", "CRITICAL").replace("TRACE", "DEBUG")
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)


def _find_handler(handler: str) -> Any:
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise FaultError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    try:
        if module_name.split(".", maxsplit=1)[0] in sys.builtin_module_names:
            words = f"Cannot use built-in module {module_name} as a handler module"
            raise FaultError("Runtime.BuiltInModuleConflict", words)
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        words = f"Unable to import module '{module_name}': {error}"
        raise FaultError("Runtime.ImportModuleError", words) from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        words = f"Syntax error in module '{module_name}': {error}"
        raise FaultError("Runtime.UserCodeSyntaxError", words, trace) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        words = f"Handler '{function_name}' missing on module '{module_name}'"
        raise FaultError("Runtime.HandlerNotFound", words) from None


def _marshal(response: Any) -> str:
    if isinstance(response, bytes):
        return response.decode("utf-8", "replace")
    try:
        return json.dumps(response, default=_encode, ensure_ascii=False)
    except Exception as error:
        raise FaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _encode(value: Any) -> Any:
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _document(error: BaseException, request_id: str, code: str) -> dict[str, Any]:
    """The error document of an exception; frames of this file are left out, code stands under /var/task."""
    if isinstance(error, FaultError):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        while frames and "importlib" in frames[0].filename:
            frames.pop(0)
        bare = [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames]
        kind, message, trace = type(error).__name__, str(error), traceback.format_list(bare)
    shown = [line.replace(code, TASK_ROOT) for line in trace]
    return {
        "errorMessage": message.replace(code, TASK_ROOT),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": shown,
    }


def _log_error(document: dict[str, Any]) -> None:
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(json.dumps({"timestamp": stamp, "level": "ERROR", **document}) + "\n")
        return
    head = f"[ERROR] {document['errorType']}" + (f": {document['errorMessage']}" if document["errorMessage"] else "")
    lines = [head, "Traceback (most recent call last):"]
    for element in document["stackTrace"]:
        for line in element.splitlines():
            bare = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    sys.stdout.write(LINE_END.join("\n".join(lines).split("\n")) + "\n")


def _receive(descriptor: int) -> "dict[str, Any] | None":
    head = _exactly(descriptor, 4)
    body = head and _exactly(descriptor, int.from_bytes(head, "big"))
    return json.loads(body) if body else None


def _exactly(descriptor: int, count: int) -> bytes:
    pieces = []
    while count:
        piece = os.read(descriptor, min(count, 1 << 20))
        if not piece:
            return b""
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _send(descriptor: int, message: dict[str, Any]) -> None:
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    view = memoryview(len(body).to_bytes(4, "big") + body)
    while view:
        view = view[os.write(descriptor, view) :]


def _limit(memory_mb: int) -> None:
    size = (memory_mb + HEADROOM_MB) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _out_of_memory() -> None:
    """The kernel of a real environment would have ended the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def _invoke(handler: Any, message: dict[str, Any], code: str) -> dict[str, Any]:
    request_id = message["request_id"]
    _RequestId.current = request_id
    os.environ["_X_AMZN_TRACE_ID"] = message["trace_id"]
    try:
        context = LambdaContext(request_id, message["arn"], message["deadline_ms"], message.get("client_context"))
        return {"result": _marshal(handler(json.loads(message["event"]), context))}
    except MemoryError:
        _out_of_memory()
        raise
    except Exception as error:  # whatever the handler raises is the answer
        document = _document(error, request_id, code)
        _log_error(document)
        return {"error": document}


def main() -> None:
    """Init phase, then one invocation after the other until the other end closes."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    os.environ.pop("SLIPWAY_CLOUD", None)  # marks the process for whoever must end it; none of the handler's business
    sys.stdout.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    sys.stderr.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    first = _receive(descriptor)
    if first is None:
        return
    code = first["code"]
    _limit(first["memory_mb"])
    layers = [f"{layer}/python" for layer in first["layers"]]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sites = [f"{layer}/lib/{version}/site-packages" for layer in layers]
    sys.path[:1] = [code, *sites, *layers]
    sys.argv[:] = [""]
    _set_up_logging()
    try:
        handler = _find_handler(first["handler"])
    except MemoryError:
        _out_of_memory()
    except Exception as error:  # whatever the module raises is the answer
        document = _document(error, "", code)
        _log_error(document)
        _send(descriptor, {"error": document})
        sys.exit(1)
    _send(descriptor, {"ready": True})
    while (message := _receive(descriptor)) is not None:
        answer = _invoke(handler, message, code)
        sys.stdout.flush()
        sys.stderr.flush()
        _send(descriptor, answer)


if __name__ == "__main__":
    main()
