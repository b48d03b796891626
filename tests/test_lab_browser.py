"""The real JupyterLab of `make lab` in a real browser: start_here.ipynb is opened and run, and its form runs a notebook."""

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import job_office
import nbformat
import page_office
import pytest
from conftest import need
from page_office import browser  # noqa: F401
from waiting import wait_until

from notebooks.lab import server as lab
from store import database, job_runs, places

pytestmark = pytest.mark.long
PATIENCE_SECONDS = 90
TOKEN = "for-this-test-only"
FORM = ".jp-OutputArea-output .widget-vbox"


@pytest.fixture
def installation(tmp_path):
    """The environment of an empty installation, whose JupyterLab has no settings but its own."""
    own = {name: str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
           "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "HOME")}  # fmt: skip
    news = tmp_path / "jupyterlab_settings_dir/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text(json.dumps({"fetchNews": "false"}))
    (places.ROOT / "var").mkdir(exist_ok=True)
    # In the project's folder, as in an installation: JupyterLab opens nothing outside.
    with tempfile.TemporaryDirectory(prefix="lab_test_", dir=places.ROOT / "var") as runs_folder:
        given = job_office.environment_of(tmp_path, f"sqlite:///{tmp_path}/interviews.db")
        yield given | own | {"RUNS_FOLDER": runs_folder}


@pytest.fixture
def dark(tmp_path):
    """Has JupyterLab in its dark theme; to be asked for before the page."""
    themes = tmp_path / "jupyterlab_settings_dir/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    themes.parent.mkdir(parents=True, exist_ok=True)
    themes.write_text(json.dumps({"theme": "JupyterLab Dark"}))


@pytest.fixture
def address(installation, tmp_path):
    """Where a JupyterLab runs that was started as `make lab` does."""
    need(importlib.util.find_spec("jupyterlab"), "JupyterLab is not installed (make lab installs it)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = ("--no-browser", "--allow-root", f"--port={port}", f"--IdentityProvider.token={TOKEN}")
    with open(tmp_path / "lab.log", "wb") as log:
        command = [sys.executable, "-m", "notebooks.lab", *more]
        server = subprocess.Popen(command, cwd=places.ROOT, env=installation, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(server, port), PATIENCE_SECONDS)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # Seen on a machine that was busy with others.
            server.kill()
            server.wait()


def _listens(server, port):
    assert server.poll() is None, "JupyterLab ended by itself"
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def empty_page(browser, address):  # noqa: F811
    """A page of a browser that has not yet opened JupyterLab."""
    errors = []
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = page_office.watched(context.new_page(), errors)
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(empty_page, address):
    """start_here.ipynb as JupyterLab shows it after all cells were run."""
    empty_page.goto(f"{address}?token={TOKEN}")
    empty_page.wait_for_url(f"**/lab/tree/{lab.START}*")
    run_all_cells(empty_page)
    empty_page.get_by_label("Notebook", exact=True).wait_for()
    return empty_page


def run_all_cells(page):
    """Runs the one notebook that is open: of two, the menu and the status line may speak of the other."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def press(page, name):
    page.locator("button.jupyter-button", has_text=name).click()


def fill(page, label, text):
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")


def test_a_notebook_is_chosen_filled_in_checked_and_run_and_its_record_is_opened(page, installation):
    page.get_by_label("Notebook", exact=True).select_option(label="Load the questions of jobs (load_questions)")
    fill(page, "questions_csv", "nowhere.csv")
    press(page, "Check")
    missing = page.get_by_text(f"there is no file at {places.ROOT}/nowhere.csv")
    missing.wait_for()
    fill(page, "questions_csv", "notebooks/data/questions_sample.csv")
    missing.wait_for(state="hidden")
    press(page, "Command")
    command = page.get_by_text(re.compile(r"run load_questions questions_csv=\S+$"))
    assert command.inner_text().endswith("questions_csv=notebooks/data/questions_sample.csv")
    press(page, "Run")
    page.get_by_text("(exit code 0)").wait_for()
    [row] = runs(installation)
    assert (row.outcome, row.parameters["dry_run"]) == ("done", True)
    page.get_by_role("link", name=f"{row.name}.html").click()
    page.get_by_role("tab", name=f"{row.name}.html").wait_for()
    shown = page.frame_locator("iframe").get_by_role("heading", name="Load the questions of jobs")
    shown.wait_for()


def test_a_notebook_of_the_table_is_opened_in_jupyterlab(page):
    page.get_by_role("link", name="booking_batch", exact=True).click()
    page.get_by_role("tab", name="booking_batch.ipynb").wait_for()
    assert page.get_by_role("tab", name="start_here.ipynb").count() == 1


def test_a_run_in_earnest_wants_the_tick_and_can_be_stopped(page, installation):
    page.get_by_label("Notebook", exact=True).select_option(label="Book a batch (booking_batch)")
    page.get_by_label("dry_run").uncheck()
    press(page, "Run")
    page.get_by_text("To fix: tick the line above").wait_for()
    assert runs(installation) == []
    page.get_by_label("dry_run").check()
    press(page, "Run")
    page.get_by_text(re.compile(r"booking_batch: .* cell \d+ of")).wait_for()
    press(page, "Stop")
    page.get_by_text("(exit code 143)").wait_for()
    assert [row.outcome for row in runs(installation)] == ["stopped"]


def test_a_plot_stands_on_a_light_card_in_the_dark_theme(dark, empty_page, address, installation):
    path = Path(installation["RUNS_FOLDER"]) / "plot.ipynb"
    cell = nbformat.v4.new_code_cell('from notebooks import plot_style\nplot_style.plot("marks", 3, 2)[0]')
    kernel = {"kernelspec": job_office.KERNEL}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    empty_page.goto(f"{address}lab/tree/{path.relative_to(places.ROOT)}?token={TOKEN}")
    empty_page.get_by_role("tab", name="plot.ipynb").wait_for()
    run_all_cells(empty_page)
    image = empty_page.locator("img[alt='marks'], .jp-RenderedImage img").first
    image.wait_for()
    assert empty_page.locator("body").get_attribute("data-jp-theme-light") == "false"
    assert image.evaluate("image => getComputedStyle(image).backgroundColor") == "rgb(255, 255, 255)"


def test_saving_start_here_after_a_run_changes_nothing_in_its_file(page):
    before = (places.ROOT / lab.START).read_bytes()
    saved = os.stat(places.ROOT / lab.START).st_mtime_ns
    page.keyboard.press("Control+s")
    until = time.monotonic() + PATIENCE_SECONDS
    while os.stat(places.ROOT / lab.START).st_mtime_ns == saved:
        assert time.monotonic() < until
        time.sleep(0.1)
    page.get_by_text("Saving completed").or_(page.get_by_text("Python 3 (ipykernel) | Idle")).first.wait_for()
    assert json.loads((places.ROOT / lab.START).read_bytes()) == json.loads(before)
    assert (places.ROOT / lab.START).read_bytes() == before


def runs(installation):
    """The runs in the record, once there is one."""
    if not os.path.exists(installation["DATABASE_URL"].removeprefix("sqlite:///")):
        return []
    db = database.open_record(installation["DATABASE_URL"])
    rows = job_runs.read(db)
    db.close()
    return rows
