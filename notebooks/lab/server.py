"""`make lab`: JupyterLab with the project's folder as its root and start_here.ipynb open."""

import json
from collections.abc import Mapping
from typing import Any

from store import places

START = "notebooks/start_here.ipynb"
_HIDDEN = ("*.py", "__pycache__", "lab", "parameters", "runner", "schedule", "secrets", "*.egg-info", "*.part.*")
"""What the file browser leaves out: what nobody opens, and what nobody should by mistake."""


def arguments(more: list[str]) -> list[str]:
    """What JupyterLab is started with; `more` is what the caller adds, such as --no-browser."""
    own = {
        "ServerApp.root_dir": str(places.ROOT),
        "LabApp.default_url": f"/lab/tree/{START}",
        "FileContentsManager.pre_save_hook": "notebooks.lab.server.before_saving",
        "ContentsManager.hide_globs": json.dumps(_HIDDEN),
    }
    return [*(f"--{name}={value}" for name, value in own.items()), *more]


def before_saving(model: dict[str, Any], path: str, **_: object) -> None:
    """Takes the outputs out of start_here.ipynb as it is saved, so that opening it never changes the file.

    Other notebooks are saved as they are: their outputs are somebody's work.
    """
    if path.strip("/") == START and model.get("type") == "notebook" and model.get("content"):
        clean(model["content"])


def clean(notebook: dict[str, Any]) -> None:
    """Takes out what running a notebook adds: outputs, counts, times, and the kernel's version."""
    notebook["metadata"] = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    for cell in notebook["cells"]:
        kept: Mapping[str, Any] = cell["metadata"]
        cell["metadata"] = {"tags": kept["tags"]} if kept.get("tags") else {}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main(more: list[str]) -> None:
    """Runs JupyterLab until it is stopped."""
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=arguments(more))
