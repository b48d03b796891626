"""`make lab`: what JupyterLab is started with, what is saved of start_here.ipynb, and links that it follows."""

import copy
import json
from types import SimpleNamespace

import pytest

from notebooks.lab import lab_links
from notebooks.lab import server as lab
from store import places

IN_LAB = {"JPY_SESSION_NAME": "notebooks/start_here.ipynb"}


def source(name):
    return json.loads((places.ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))


def run(notebook):
    """What JupyterLab would save after somebody has run it."""
    notebook["metadata"]["language_info"] |= {"version": "3.11.2", "codemirror_mode": {"name": "ipython", "version": 3}}
    notebook["metadata"]["widgets"] = {"state": {}}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-11-30T10:00:00Z"}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = (
                number,
                [{"output_type": "stream", "name": "stdout", "text": "x"}],
            )
    return notebook


def test_start_here_is_saved_as_it_was_however_often_it_is_run():
    before = source("start_here")
    model = {"type": "notebook", "content": run(copy.deepcopy(before))}
    lab.before_saving(model=model, path="/notebooks/start_here.ipynb", contents_manager=SimpleNamespace())
    assert model["content"] == before


def test_another_notebook_is_saved_with_its_outputs():
    given = run(source("review"))
    model = {"type": "notebook", "content": copy.deepcopy(given)}
    lab.before_saving(model=model, path="notebooks/review.ipynb", contents_manager=SimpleNamespace())
    assert model["content"] == given


@pytest.mark.parametrize("model", [{"type": "directory", "content": None}, {"type": "file", "content": "x"}])
def test_what_is_no_notebook_is_saved_as_it_is(model):
    given = dict(model)
    lab.before_saving(model=model, path=lab.START)
    assert model == given


def test_jupyterlab_opens_the_projects_folder_at_start_here_and_takes_further_options():
    given = lab.arguments(["--no-browser"])
    assert f"--ServerApp.root_dir={places.ROOT}" in given
    assert "--LabApp.default_url=/lab/tree/notebooks/start_here.ipynb" in given
    assert given[-1] == "--no-browser"
    assert (places.ROOT / lab.START).exists()


def test_a_file_of_the_project_is_linked_as_seen_from_the_notebooks_folder():
    assert lab_links.link("notebooks/review.ipynb", "re<view", IN_LAB) == '<a href="review.ipynb">re&lt;view</a>'
    assert lab_links.link("README.md", environment=IN_LAB) == '<a href="../README.md">README.md</a>'


@pytest.mark.parametrize("path", ["gone.html", "/etc/hostname"])
def test_what_jupyterlab_cannot_open_is_no_link(path):
    assert lab_links.link(path, environment=IN_LAB) == path


def test_outside_of_jupyterlab_nothing_is_linked():
    assert lab_links.link("README.md", environment={}) == "README.md"
    assert not lab_links.is_lab({})
