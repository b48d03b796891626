"""How an executed notebook itself says how its run ended: papermill calls every cell of a killed kernel completed."""

import html
import json

from notebooks.runner import regular_files
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import Verdict
from store.outcomes import EXIT_CODES, KERNEL_DIED

# papermill takes it out again, should this notebook be run once more.
_TAG = "papermill-error-cell-tag"
_FAILED = "the-cell-that-failed"


def read(files: RunFiles) -> dict:
    """The notebook that lies aside. Raises OSError or ValueError for one that cannot be read."""
    return json.loads(regular_files.read(files.aside))


def mark(files: RunFiles, judged: Verdict, *, is_in_cell: bool = False) -> None:
    """Writes the verdict into the notebook that lies aside, above everything else, in place of papermill's words.

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
    if not judged.is_good:
        _tell(notebook["cells"], judged)
    files.save(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


def _correct(cell: dict) -> None:
    told = cell["metadata"].get("papermill", {})
    if cell["cell_type"] != "code" or "status" not in told:
        return
    if cell.get("execution_count") is None:
        told["status"] = "pending"
    elif told["status"] == "running":
        told["status"] = "failed"


def _tell(cells: list[dict], judged: Verdict) -> None:
    # papermill has put one above everything, and one above the cell that failed.
    marked = [place for place, cell in enumerate(cells) if _TAG in cell["metadata"].get("tags", ())]
    failed = next((place for place in marked if place > 0), None)
    if failed is not None:
        cells[failed]["source"] = [f'<a id="{_FAILED}"></a>**The next cell failed.**']
    if 0 in marked:
        del cells[0]
    cells.insert(0, _notice(judged, has_failed_cell=failed is not None))


def _notice(judged: Verdict, *, has_failed_cell: bool) -> dict:
    what = "The kernel died." if judged.outcome == KERNEL_DIED else judged.message
    code = f", exit code {EXIT_CODES[judged.outcome]}" if judged.outcome in EXIT_CODES else ""
    link = f"\n\n[The cell that failed](#{_FAILED})" if has_failed_cell else ""
    return {
        "cell_type": "markdown",
        "id": "how-it-ended",
        "metadata": {"tags": [_TAG]},
        "source": [f"**This run did not end well** ({judged.outcome}{code}).\n\n{_literal(what)}{link}"],
    }


def _literal(text: str) -> str:
    """A block with the text's lines as they are: what an exception says may hold a candidate's or a server's words."""
    lines = (html.escape(line).replace("$", "&#36;") for line in text.splitlines() if line.strip())
    return f"<div>{'<br>'.join(lines)}</div>"
