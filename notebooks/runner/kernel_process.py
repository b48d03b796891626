"""What a run's kernel is started with: from its first moment on it ends with the runner, where the system is Linux.

It is run by its path and imports nothing of ours. ipykernel itself looks after its parent too, once a second, but only
when it is up, and not where something else than process 1 takes in orphans.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when the thread that started it ends."""


def end_with(parent: int) -> None:
    """Has this process killed when `parent` ends; ends it here if that has happened already."""
    import ctypes

    # A sandbox that forbids it leaves ipykernel's own look.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    if sys.platform == "linux":
        end_with(int(os.environ["JPY_PARENT_PID"]))
    # This file's own folder; the kernel looks for modules where it always does.
    del sys.path[0]
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
