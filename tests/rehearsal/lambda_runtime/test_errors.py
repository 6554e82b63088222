"""Error documents of the Python runtime. https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""

import re
from typing import Any

import pytest

Functions = Any

RAISES = """
class NoGoodError(Exception):
    pass

def deeper():
    raise NoGoodError("it broke")

def handler(event, context):
    deeper()
"""


def test_an_exception_is_named_by_its_class_with_its_trace(functions: Functions) -> None:
    invoked = functions.invoke(functions.make(RAISES))
    assert invoked.error == "Unhandled"
    assert re.fullmatch(r"[0-9a-f-]{36}", invoked.payload.pop("requestId"))
    assert invoked.payload == {
        "errorMessage": "it broke",
        "errorType": "NoGoodError",
        "stackTrace": [
            '  File "/var/task/index.py", line 9, in handler\n    deeper()\n',
            '  File "/var/task/index.py", line 6, in deeper\n    raise NoGoodError("it broke")\n',
        ],
    }


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        (
            {"a.py": ""},
            "index.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'index'",
        ),
        (
            {"index.py": "import nope"},
            "index.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'nope'",
        ),
        (
            {"index.py": "def x(:"},
            "index.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'index': invalid syntax (index.py, line 1)",
        ),
        ({"index.py": ""}, "index.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        (
            {"index.py": ""},
            "index",
            "Runtime.MalformedHandlerName",
            "Bad handler 'index': not enough values to unpack (expected 2, got 1)",
        ),
        (
            {"sys.py": ""},
            "sys.handler",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module sys as a handler module",
        ),
        ({"index.py": "raise KeyError('x')"}, "index.handler", "KeyError", "'x'"),
    ],
    ids=["no module", "no dependency", "syntax", "no handler", "no dot", "built-in", "raises on import"],
)
def test_what_goes_wrong_before_the_handler(
    functions: Functions, files: dict[str, str], handler: str, kind: str, message: str
) -> None:
    invoked = functions.invoke(functions.make(files, handler))
    assert (invoked.error, invoked.payload["errorType"], invoked.payload["errorMessage"]) == (
        "Unhandled",
        kind,
        message,
    )
    assert invoked.payload["requestId"] == ""


def test_a_package_in_a_folder_is_imported_by_dots_or_slashes(functions: Functions) -> None:
    files = {"pack/__init__.py": "", "pack/mod.py": "def run(event, context):\n    return __name__"}
    assert functions.invoke(functions.make(files, "pack.mod.run")).payload == "pack.mod"
    assert functions.invoke(functions.make(files, "pack/mod.run")).payload == "pack.mod"


def test_an_answer_that_is_no_json_is_a_marshal_error(functions: Functions) -> None:
    invoked = functions.invoke(functions.make("def handler(event, context):\n    return {1, 2}"))
    assert invoked.payload["errorType"] == "Runtime.MarshalError"
    assert invoked.payload["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


ENDS = """
import os, signal, sys, time
def handler(event, context):
    if "exit" in event: os._exit(event["exit"])
    if "sys_exit" in event: sys.exit(event["sys_exit"])
    if "signal" in event: os.kill(os.getpid(), event["signal"])
    if "seconds" in event: time.sleep(event["seconds"])
    if "mb" in event:
        held = []
        for _ in range(event["mb"]):
            held.append(bytearray(1 << 20)); time.sleep(0.0005)
    return os.getpid()
"""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"exit": 7}, "Runtime exited with error: exit status 7"),
        ({"exit": 0}, "Runtime exited without providing a reason"),
        ({"sys_exit": 3}, "Runtime exited with error: exit status 3"),
        ({"signal": 11}, "Runtime exited with error: signal: segmentation fault"),
        ({"mb": 400}, "Runtime exited with error: signal: killed"),
    ],
    ids=["exit", "exit 0", "sys.exit", "crash", "out of memory"],
)
def test_a_process_that_ends_is_an_exit_error(functions: Functions, event: dict[str, int], words: str) -> None:
    name = functions.make(ENDS, MemorySize=128)
    invoked = functions.invoke(name, event)
    assert invoked.payload["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(r"RequestId: [0-9a-f-]{36} Error: " + re.escape(words), invoked.payload["errorMessage"])
    assert isinstance(functions.invoke(name).payload, int)  # a new environment serves the next one


def test_one_big_allocation_is_out_of_memory_too(functions: Functions) -> None:
    name = functions.make("def handler(event, context):\n    return len(bytes(900 << 20))", MemorySize=128)
    assert functions.invoke(name).payload["errorMessage"].endswith("signal: killed")


def test_a_handler_that_takes_too_long_is_ended(functions: Functions) -> None:
    name = functions.make(ENDS, Timeout=1)
    first = functions.invoke(name).payload
    invoked = functions.invoke(name, {"seconds": 30})
    assert invoked.payload["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(
        r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1.00 seconds", invoked.payload["errorMessage"]
    )
    assert "Status: timeout" in invoked.log
    assert functions.invoke(name).payload != first


def test_what_a_handler_started_ends_with_it(functions: Functions) -> None:
    source = "import subprocess\ndef handler(event, context):\n    subprocess.run(['sleep', '61.25'])"
    functions.invoke(functions.make(source, Timeout=1))
    assert "61.25" not in "".join(functions.commands())


def test_an_answer_above_six_megabytes_is_refused(functions: Functions) -> None:
    invoked = functions.invoke(functions.make("def handler(event, context):\n    return 'x' * 6_300_000"))
    assert invoked.payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_requests_above_the_limits_are_refused(functions: Functions) -> None:
    name = functions.make("def handler(event, context):\n    return len(event['x'])", MemorySize=512)
    assert functions.invoke(name, {"x": "a" * 6_000_000}).payload == 6_000_000
    with pytest.raises(functions.client.exceptions.RequestTooLargeException):
        functions.invoke(name, {"x": "a" * 6_291_456})
    with pytest.raises(functions.client.exceptions.RequestTooLargeException):
        functions.invoke_event(name, {"x": "a" * 1_048_576})
    assert functions.invoke_event(name, {"x": "a" * 1_000_000}) == 202
