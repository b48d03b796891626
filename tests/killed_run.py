"""A run that was killed a minute ago, as it lies there: fixtures for the modules that see to it."""

from dataclasses import replace

import nbformat
import pytest
from job_office import JobOffice

from notebooks.runner import left_behind
from notebooks.runner.run_files import RunFiles
from store import job_runs
from store.database import execute
from store.job_runs import JobStart

START = JobStart("20261128T100000Z_ab12", "small", "key", {}, "cron", "ops", "host", 1, "1.0.0")


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    return JobOffice.here(tmp_path, db, record_url, monkeypatch)


@pytest.fixture
def left(office):
    """A run that was killed in its second cell a minute ago."""
    files = RunFiles.make(office.runs / "small")
    notebook = nbformat.v4.new_notebook(
        cells=[cell("print('one')", 1, "one\n"), cell("work()", 2), cell("rest()", None)]
    )
    files.save(nbformat.writes(notebook))
    files.log.write_text("row 1\n", encoding="utf-8")
    run_id = job_runs.begin(office.db, replace(START, name=files.name))
    grow_old(office)
    return files, run_id


def cell(source, count, text=""):
    outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
    status = "completed" if outputs else "running"
    metadata = {"papermill": {"status": status}}
    return nbformat.v4.new_code_cell(source, execution_count=count, outputs=outputs, metadata=metadata)


def see_to(office):
    return left_behind.publish(office.db, office.runs / "small")


def grow_old(office):
    execute(office.db, "UPDATE job_run SET heartbeat_at = heartbeat_at - 60, started_at = started_at - 90")
