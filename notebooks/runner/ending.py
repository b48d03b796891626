"""How an executed notebook itself says how its run ended: papermill calls every cell of a killed kernel completed."""

import json

from notebooks.runner import regular_files
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import EXIT_CODES, Verdict
from store.job_runs import KERNEL_DIED

# papermill takes it out again, should this notebook be run once more.
_TAG = "papermill-error-cell-tag"


def read(files: RunFiles) -> dict:
    """The notebook that lies aside. Raises OSError or ValueError for one that cannot be read."""
    return json.loads(regular_files.read(files.aside))


def mark(files: RunFiles, judged: Verdict, *, is_in_cell: bool = False) -> None:
    """Writes the verdict into the notebook that lies aside, above everything else unless papermill did.

    `is_in_cell`: the last cell that was begun has not ended.
    """
    notebook = read(files)
    about = notebook["metadata"].setdefault("papermill", {})
    about["exception"] = not judged.is_good or None
    for cell in notebook["cells"]:
        _correct(cell)
    begun = [told for cell in notebook["cells"] if (told := cell["metadata"].get("papermill", {})).get("start_time")]
    if is_in_cell and begun:
        begun[-1]["status"] = "failed"
    if not judged.is_good and not _is_marked(notebook):
        notebook["cells"].insert(0, _notice(judged))
    files.save(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


def _correct(cell: dict) -> None:
    told = cell["metadata"].get("papermill", {})
    if cell["cell_type"] != "code" or "status" not in told:
        return
    if cell.get("execution_count") is None:
        told["status"] = "pending"
    elif told["status"] == "running":
        told["status"] = "failed"


def _is_marked(notebook: dict) -> bool:
    return any(_TAG in cell["metadata"].get("tags", ()) for cell in notebook["cells"])


def _notice(judged: Verdict) -> dict:
    what = "The kernel died." if judged.outcome == KERNEL_DIED else judged.message
    code = f", exit code {EXIT_CODES[judged.outcome]}" if judged.outcome in EXIT_CODES else ""
    return {
        "cell_type": "markdown",
        "id": "how-it-ended",
        "metadata": {"tags": [_TAG]},
        "source": [f"**This run did not end well** ({judged.outcome}{code}). {what}"],
    }
