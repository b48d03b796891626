"""Running a notebook to its record: the executed notebook, its HTML and its log, beside each other under `runs/`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from notebooks.opened_run import run_name
from store import places
from store.errors import StoreError

FOLDER = Path(__file__).resolve().parent
_PRIVATE = Config({"KernelManager": {"transport": "ipc"}})
"""The kernel talks over sockets of this user alone, not over TCP, where others on this machine could listen."""


@dataclass(frozen=True, slots=True)
class Executed:
    """Where the record of a run lies. `error` is empty for a run that did what it was asked to."""

    notebook: Path
    page: Path
    log: Path
    error: str


def execute(name: str, parameters: Mapping[str, object]) -> Executed:
    """Runs `notebooks/NAME.ipynb` with papermill; the log, the notebook and its HTML get one name in runs/NAME/.

    The notebook is written aside and moved into place when it is whole; a failed one is kept as well.
    """
    folder = _folder(name)
    stem = folder / run_name()
    aside, target, log = stem.with_suffix(".part.ipynb"), stem.with_suffix(".ipynb"), stem.with_suffix(".log")
    error = ""
    try:
        papermill.execute_notebook(
            FOLDER / f"{name}.ipynb", aside, parameters={**parameters, "log_file": str(log)}, progress_bar=False,
            cwd=places.ROOT, log_output=False, config=_PRIVATE,
        )  # fmt: skip
    except PapermillExecutionError as failed:
        error = str(failed.evalue)
    except (DeadKernelError, CellTimeoutError) as failed:
        error = f"The kernel ended before the notebook did ({type(failed).__name__}). To fix: run it again."
    os.replace(aside, target)
    return Executed(target, _as_html(target), log, error)


def _folder(name: str) -> Path:
    folder = places.resolve("runs") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = places.shown(folder)
        what = f"The folder {place} for executed notebooks cannot be made: {error.strerror}."
        raise StoreError(what, f"make {place} a folder that this user may write.") from error
    return folder


def _as_html(notebook: Path) -> Path:
    body, _ = HTMLExporter(embed_images=True).from_filename(str(notebook))
    page = notebook.with_suffix(".html")
    page.write_text(body, encoding="utf-8")
    return page
