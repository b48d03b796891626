"""One notebook through papermill, in a kernel that is guarded; what came of it is written aside, whatever happened."""

import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from notebooks.runner import ending, verdict
from notebooks.runner.heart import Heart
from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import Verdict
from notebooks.runner.watch import Interrupted, Watch
from store import places

AUTOSAVE_SECONDS = 5
_OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)
"""What a later part of the same line overwrote. nbclient's own expression, which looks for it from every sign of the line,
took minutes for a line of a million."""
_START_SECONDS = 300
"""So long a kernel may take to come up, and to import what its notebook takes of the toolkit, from a slow disk."""
_OUTPUT_SECONDS = 60
"""So long the last outputs of a cell may come after its end; papermill's 4 s failed cells that had done their work."""


@dataclass(frozen=True, slots=True)
class Executed:
    """The verdict, and the kernel's most memory in bytes where it is known."""

    verdict: Verdict
    peak_memory: int | None


def execute(
    source: Path, kernel: PrivateKernel, files: RunFiles, parameters: Mapping[str, object], watch: Watch, heart: Heart
) -> Executed:
    """Runs the notebook at `source` with these parameters; the executed one is aside, also of a failed run."""
    with kernel:
        watch.guard(kernel)
        heart.kernel = kernel
        try:
            error = _run(source, files, parameters, watch, kernel)
            judged = verdict.judge(ending.read(files), error, watch.reason, watch.detail, kernel.last_words())
        finally:
            watch.guard(None)
            heart.kernel = None
    ending.mark(files, judged, is_in_cell=watch.is_in_cell)
    return Executed(judged, kernel.peak_memory)


def _run(
    source: Path, files: RunFiles, parameters: Mapping[str, object], watch: Watch, kernel: PrivateKernel
) -> Exception | None:
    # jsonschema compiles a grammar of web addresses where JupyterLab is installed (1.4 s), which no notebook's schema uses.
    sys.modules.setdefault("rfc3987_syntax", None)
    # Here, for the kernel comes up meanwhile.
    import papermill
    from nbclient import client
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.iorw import papermill_io

    from notebooks.runner import engine
    from notebooks.runner.kernel_manager import manager_of

    client._RGX_CARRIAGERETURN = _OVERWRITTEN
    # Its own reading of the parameters cell warns of what is right, and of a kernel that ends nobody learns more by its words.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    # Its own way writes in place: 4 of 60 kills left half a notebook.
    papermill_io.register(str(files.aside), _Saving(files))
    try:
        papermill.execute_notebook(
            source, files.aside, parameters=dict(parameters), progress_bar=False, log_output=False, cwd=places.ROOT,
            engine_name=engine.NAME, kernel_name="python3", kernel_manager_class=manager_of(kernel),
            autosave_cell_every=AUTOSAVE_SECONDS, coalesce_streams=True, iopub_timeout=_OUTPUT_SECONDS,
            start_timeout=_START_SECONDS, shutdown_kernel="immediate", on_cell_execute=watch.cell_begins,
            on_cell_executed=watch.cell_ended,
        )  # fmt: skip
    except (PapermillExecutionError, CellControlSignal, DeadKernelError, Interrupted, RuntimeError) as error:
        return error
    return None


class _Saving:
    """How papermill writes the notebook of one run."""

    def __init__(self, files: RunFiles):
        self._files = files

    def write(self, text: str, _: str) -> None:
        self._files.save(text)

    def pretty_path(self, path: str) -> str:
        return path
