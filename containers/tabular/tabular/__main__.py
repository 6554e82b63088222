"""`python -m tabular train|serve|prepare|evaluate`: one word, as SageMaker passes it."""

import errno
import importlib
import os
import sys
import traceback

# Before numpy is imported: no linear algebra here, and an idle thread pool costs memory in every server.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Threads that wait for each other sleep. Measured on 2 cores: alone 0.2 s slower in 1.0 s, beside two busy processes
# the same time for half the processor seconds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if sys.argv[1:] == ["serve"]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from tabular import paths
from tabular.faults import Fault, InterruptedFault, write_text

COMMANDS = ("train", "serve", "prepare", "evaluate")
EXIT_INTERRUPTED = 143
"""What a shell reports for SIGTERM."""


def main(arguments: list[str]) -> int:
    """Exit code. A fault is told where SageMaker looks for it and in the log, in one line."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.stderr.write(f"tabular: give one of {', '.join(COMMANDS)}, not {' '.join(arguments) or 'nothing'}\n")
        return 2
    command = arguments[0]
    try:
        # Only what the command needs: evaluation loads no server, preparation no XGBoost.
        importlib.import_module(f"tabular.{command}").main()
    except Fault as fault:
        return _tell(command, str(fault), EXIT_INTERRUPTED if isinstance(fault, InterruptedFault) else 1)
    except MemoryError:
        return _tell(command, "ResourceFault: out of memory: take a larger instance type", 1)
    except OSError as error:
        what = f"no space left for {error.filename}: give the job a larger volume"
        return _tell(command, f"ResourceFault: {what if error.errno == errno.ENOSPC else error}", 1)
    except Exception as error:  # a fault of ours: the log gets the whole story, the job still says why it failed
        traceback.print_exc()
        return _tell(command, f"InternalError: {type(error).__name__}: {error}", 1)
    return 0


def _tell(command: str, text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    if command != "serve":
        try:
            write_text(paths.failure() if command == "train" else paths.message(), text)
        except OSError as error:  # the log has it; a full disk must not hide the reason
            sys.stderr.write(f"could not write the failure file: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
