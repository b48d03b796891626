"""A kernel of one run's own: its connection is a folder of this user alone, its interpreter is the runner's.

It is started before papermill is imported, so that both come up together.
"""

import json
import os
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from notebooks.runner import offspring
from notebooks.runner.private_folder import leave_mark, private_folder
from store import places

_PROCESS = Path(__file__).resolve().with_name("kernel_process.py")
_CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
_SAID_BYTES = 2000


class PrivateKernel:
    """The kernel's process and its folder. Ends with the block, and with the runner, however that ends.

    The block must be left by the thread that entered it: on Linux the kernel ends with that thread.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ):
        self._environment = environment
        self.peak_memory: int | None = None

    def __enter__(self) -> "PrivateKernel":
        self._most_before = _most_of_children()
        with ExitStack() as opened:
            folder = opened.enter_context(private_folder())
            (folder / "tmp").mkdir()
            self.connection_file = folder / "kernel.json"
            self._said = opened.enter_context(open(folder / "said", "w+b"))
            _write_connection(self.connection_file)
            command = [sys.executable, str(_PROCESS), "-f", str(self.connection_file)]
            self.process = subprocess.Popen(
                [*command, "--HistoryManager.hist_file=:memory:"], cwd=places.ROOT, env=self._given(folder / "tmp"),
                stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said, start_new_session=True,
            )  # fmt: skip
            self._mark = offspring.mark(self.process.pid)
            if self._mark:
                leave_mark(folder, self._mark)
            self._opened = opened.pop_all()
        return self

    def _given(self, temporary: Path) -> dict[str, str]:
        own = {"TMPDIR": str(temporary), "JPY_PARENT_PID": str(os.getpid()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        if not os.access(os.path.expanduser("~"), os.W_OK):
            # Who has no home to write to would be told so by IPython in every log.
            own["IPYTHONDIR"] = str(temporary.with_name("ipython"))
        # A kernel that takes itself for one of JupyterLab draws progress bars.
        return {name: value for name, value in self._environment.items() if name != "JPY_SESSION_NAME"} | own

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._opened.close()

    def interrupt(self) -> None:
        """What Ctrl-C is in a terminal: the cell that runs ends with KeyboardInterrupt. Its children are its own matter."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the kernel and all that it has started at once; nothing for one that has ended."""
        self.look()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if (most := _most_of_children()) > self._most_before:
            self.peak_memory = max(most, self.peak_memory or 0)
        if self._mark:
            offspring.end_all(self._mark)

    def look(self) -> None:
        """Notes the most memory that the kernel has used so far (bytes), where the system tells.

        Its end tells that as well, unless another child of this process had more before.
        """
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_memory = int(line.split()[1]) * 1024

    def last_words(self) -> str:
        """The end of what the kernel's process wrote outside the notebook: why it died, often."""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - _SAID_BYTES))
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _most_of_children() -> int:
    """The most memory in bytes that one process had of those that this one has waited for, and theirs."""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _write_connection(path: Path) -> None:
    """Sockets in the file's own folder instead of ports, which two kernels that start at once may both be given."""
    ports = {f"{channel}_port": number for number, channel in enumerate(_CHANNELS, 1)}
    how = {"transport": "ipc", "ip": str(path.with_suffix("")), "key": secrets.token_hex(32)}
    path.touch(0o600)
    path.write_text(json.dumps({**ports, **how, "signature_scheme": "hmac-sha256"}), encoding="utf-8")
