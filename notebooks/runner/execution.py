"""One notebook through papermill, in a kernel that is guarded; what came of it is written aside, whatever happened."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from notebooks.runner import verdict
from notebooks.runner.heart import Heart
from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.verdict import Verdict
from notebooks.runner.watch import Interrupted, Watch
from store import places
from store.job_runs import KERNEL_DIED

AUTOSAVE_SECONDS = 5
_OUTPUT_SECONDS = 60
"""So long the last outputs of a cell may come after its end; papermill's 4 s failed cells that had done their work."""


@dataclass(frozen=True, slots=True)
class Executed:
    """The verdict, and the kernel's most memory in bytes where it is known."""

    verdict: Verdict
    peak_memory: int | None


def execute(source: Path, aside: Path, parameters: Mapping[str, object], watch: Watch, heart: Heart) -> Executed:
    """Runs the notebook at `source` with these parameters; the executed one is at `aside`, also of a failed run."""
    with PrivateKernel() as kernel:
        watch.guard(kernel)
        heart.kernel = kernel
        try:
            error = _run(source, aside, parameters, watch, kernel)
            judged = verdict.judge(_read(aside), error, watch.reason, watch.detail, kernel.last_words())
        finally:
            watch.guard(None)
            heart.kernel = None
    _mark(aside, judged)
    return Executed(judged, kernel.peak_memory)


def _run(
    source: Path, aside: Path, parameters: Mapping[str, object], watch: Watch, kernel: PrivateKernel
) -> Exception | None:
    # Here, for the kernel comes up meanwhile.
    import papermill
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from notebooks.runner.kernel_manager import manager_of

    # Its own reading of the parameters cell warns of what is right; they were checked before.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            source, aside, parameters=dict(parameters), progress_bar=False, log_output=False, cwd=places.ROOT,
            kernel_name="python3", kernel_manager_class=manager_of(kernel), autosave_cell_every=AUTOSAVE_SECONDS,
            coalesce_streams=True, iopub_timeout=_OUTPUT_SECONDS, shutdown_kernel="immediate",
            on_cell_execute=watch.cell_begins, on_cell_executed=watch.cell_ended,
        )  # fmt: skip
    except (PapermillExecutionError, CellControlSignal, DeadKernelError, Interrupted, RuntimeError) as error:
        return error
    return None


def _read(aside: Path) -> dict:
    return json.loads(aside.read_text(encoding="utf-8"))


def _mark(aside: Path, judged: Verdict) -> None:
    """Makes the notebook itself say how it ended: papermill calls every cell of a killed kernel completed."""
    notebook = _read(aside)
    about = notebook["metadata"].setdefault("papermill", {})
    about["exception"] = judged.exit_code != 0 or None
    for cell in notebook["cells"]:
        told = cell["metadata"].get("papermill", {})
        if cell["cell_type"] == "code" and cell.get("execution_count") is None and "status" in told:
            told["status"] = "pending"
    if judged.exit_code and not _is_marked(notebook):
        notebook["cells"].insert(0, _notice(judged))
    aside.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _is_marked(notebook: dict) -> bool:
    return any("papermill-error-cell-tag" in cell["metadata"].get("tags", ()) for cell in notebook["cells"])


def _notice(judged: Verdict) -> dict:
    what = "The kernel died." if judged.outcome == KERNEL_DIED else judged.message
    return {
        "cell_type": "markdown",
        "id": "how-it-ended",
        # papermill takes it out again, should this notebook be run once more.
        "metadata": {"tags": ["papermill-error-cell-tag"]},
        "source": [f"**This run did not end well** ({judged.outcome}, exit code {judged.exit_code}). {what}"],
    }
