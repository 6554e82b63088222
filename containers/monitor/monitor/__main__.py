"""`python -m monitor [baseline|run]`.

Without an argument, as Model Monitor starts its own image, the environment tells: an execution of a schedule has a
`start_time`, a baseline has none.
"""

import errno
import importlib
import os
import sys
import traceback

# Before numpy is imported: no linear algebra here, and its thread pool costs start-up time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from monitor.faults import Fault
from monitor.files import write_message

COMMANDS = ("baseline", "run")
EXIT_FAILED = 255
"""As Model Monitor's own image."""


def main(arguments: list[str]) -> int:
    """Exit code; a fault is one line in the log and in the job's exit message."""
    if not arguments and "dataset_source" in os.environ:
        arguments = ["run" if "start_time" in os.environ else "baseline"]
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.stderr.write(f"monitor: give one of {', '.join(COMMANDS)}, not {' '.join(arguments) or 'nothing'}\n")
        return 2
    try:
        importlib.import_module(f"monitor.{arguments[0]}").main()
    except Fault as fault:
        return _tell(str(fault))
    except OSError as error:
        what = f"no space left for {error.filename}: give the job a larger volume"
        return _tell(f"Error: {what if error.errno == errno.ENOSPC else error}")
    except Exception as error:  # a fault of ours: the log gets the whole story, the job still says why it failed
        traceback.print_exc()
        return _tell(f"InternalError: {type(error).__name__}: {error}")
    return 0


def _tell(text: str) -> int:
    sys.stderr.write(text + "\n")
    try:
        write_message(text)
    except OSError as error:  # the log has it; a full disk must not hide the reason
        sys.stderr.write(f"could not write the exit message: {error}\n")
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
