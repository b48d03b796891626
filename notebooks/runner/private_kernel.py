"""A kernel of one run's own: its connection is a folder of this user alone, its interpreter is the runner's.

Its process may be there before the run is, so that what it imports and what the runner imports come up together.
"""

import json
import os
import resource
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from notebooks.runner import early_imports, offspring
from notebooks.runner.private_folder import leave_mark, private_folder
from store import places

_PROCESS = Path(__file__).resolve().with_name("kernel_process.py")
_CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
_SAID_BYTES = 2000


class PrivateKernel:
    """The kernel's process and its folder. A kernel it is within the block; it ends with that, and with the runner.

    The block must be left by the thread that entered it, and that prepared it: on Linux the process ends with that thread.
    """

    def __init__(self, notebook: Path | None = None):
        """The process imports beforehand what the notebook will."""
        self._notebook = notebook
        self._opened: ExitStack | None = None
        self.peak_memory: int | None = None

    def prepare(self) -> None:
        """Starts the process, which imports, and waits; nothing if it is there. Raises OSError, ValueError or LookupError."""
        if self._opened:
            return
        imports = early_imports.of_notebook(self._notebook) if self._notebook else "[]"
        self._most_before = _most_of_children()
        with ExitStack() as opened:
            folder = opened.enter_context(private_folder())
            (folder / "tmp").mkdir()
            self.connection_file = folder / "kernel.json"
            self._said = opened.enter_context(open(folder / "said", "w+b"))
            _write_connection(self.connection_file)
            command = [sys.executable, str(_PROCESS), "-f", str(self.connection_file)]
            self.process = subprocess.Popen(
                [*command, "--HistoryManager.hist_file=:memory:"], cwd=places.ROOT, env=_given(folder / "tmp", imports),
                stdin=subprocess.PIPE, stdout=self._said, stderr=self._said, start_new_session=True,
            )  # fmt: skip
            # Without its word it ends by itself.
            opened.enter_context(self.process.stdin)
            self._mark = offspring.mark(self.process.pid)
            if self._mark:
                leave_mark(folder, self._mark)
            self._opened = opened.pop_all()

    def __enter__(self) -> "PrivateKernel":
        self.prepare()
        # One that has died meanwhile is found dead by who asks the kernel.
        with suppress(BrokenPipeError), self.process.stdin as word:
            word.write(b".")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process, whether it became a kernel or not, and takes its folder away; nothing if there is none."""
        opened, self._opened = self._opened, None
        if opened:
            with opened:
                self.kill()

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


def _given(temporary: Path, imports: str) -> dict[str, str]:
    """The environment of the process."""
    own = {"TMPDIR": str(temporary), "JPY_PARENT_PID": str(os.getpid()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        # Who has no home to write to would be told so by IPython in every log.
        own["IPYTHONDIR"] = str(temporary.with_name("ipython"))
    # A kernel that takes itself for one of JupyterLab draws progress bars.
    inherited = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    return inherited | own | {early_imports.VARIABLE: imports}


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
