"""Starts a container's command so that it never outlives the embedded cloud.

Run by path with `python -I -S launch.py <parent pid> <command…>`. On Linux the kernel is asked to kill this process
when its parent dies, even by SIGKILL; the request survives exec. Elsewhere the next start of the cloud reaps what its
records name.
"""

import os
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9


def main() -> None:
    """Replace this process by the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request
            sys.exit(1)
    try:
        os.execvpe(command[0], command, os.environ)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"exec {command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
