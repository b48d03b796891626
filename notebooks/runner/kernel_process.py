"""What a run's kernel is started with: from its first moment on it ends with the runner, where the system is Linux.

It is run by its path, imports what its notebook will import of ours, and becomes a kernel when the runner says so: a run
that does not begin has none. ipykernel itself looks after its parent too, once a second, but only when it is up, and not
where something else than process 1 takes in orphans.
"""

import gc
import json
import os
import signal
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when the thread that started it ends."""


def end_with(parent: int) -> None:
    """Has this process killed when `parent` ends; ends it here if that has happened already."""
    import ctypes

    # A sandbox that forbids it leaves ipykernel's own look.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def stop_with(parent: int) -> None:
    """Hands a SIGTERM on to the runner, which stops in order: one at the machine's end goes to every process."""

    def hand_on(number: int, _: FrameType | None) -> None:
        if os.getppid() == parent:
            os.kill(parent, number)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, hand_on)
    # A copy of this process that a cell makes is none of the runner's, and ends at once, also in the midst of C code.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def import_early(told: str) -> None:
    """Imports what `early_imports` found."""
    # As the kernel sets it later: matplotlib asks for it once.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    for module, names in json.loads(told):
        try:
            __import__(module, fromlist=names)
        except (Exception, SystemExit):  # noqa: BLE001 - the cell that imports it tells what is wrong
            return


def wait_for_word() -> None:
    """Comes back when the runner has said that its run begins; ends this process if the runner lets go of it instead."""
    if not os.read(0, 1):
        sys.exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    runner = int(os.environ["JPY_PARENT_PID"])
    if sys.platform == "linux":
        end_with(runner)
    stop_with(runner)
    # This file's own folder, unless Python was told to leave that out; the kernel looks for modules where it always does.
    if not sys.flags.safe_path:
        del sys.path[0]
    # Modules are made to stay: without a look for garbage among them they are there a tenth sooner.
    gc.disable()
    import_early(os.environ.pop("INTERVIEW_OPS_EARLY_IMPORTS", "[]"))
    from ipykernel import kernelapp

    gc.freeze()
    gc.enable()
    wait_for_word()
    kernelapp.launch_new_instance()
