"""What killed runs left: how it becomes their record, and what is left alone."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace

import job_office
import killed_run
import nbformat
import pytest
from killed_run import START, cell, grow_old, see_to

from notebooks.runner import left_behind, page, settings_secrets
from notebooks.runner.run_files import RunFiles
from store import job_runs, redaction
from store.database import execute
from store.job_runs import JobEnd
from store.known_secrets import KnownSecrets

office, left = killed_run.office, killed_run.left


def test_what_a_killed_run_did_is_published_and_says_that_it_died(office, left):
    files, _ = left
    assert see_to(office) == [files.name]
    assert office.files() == ["html", "ipynb", "log"]
    notebook = json.loads(files.notebook.read_text(encoding="utf-8"))
    assert "did not end well** (died).\n\n<div>The run was killed" in "".join(notebook["cells"][0]["source"])
    assert [one["metadata"]["papermill"]["status"] for one in notebook["cells"][1:]] == [
        "completed",
        "failed",
        "pending",
    ]
    assert job_office.outputs(files.notebook) == "one\n"
    assert stat.S_IMODE(files.notebook.stat().st_mode) == stat.S_IMODE(files.page.stat().st_mode) != 0o600


def test_what_was_half_written_goes(office, left):
    files, _ = left
    for suffix in ("part.new", "part.html", "part.log"):
        (files.folder / f"{files.name}.{suffix}").write_text("half", encoding="utf-8")
    see_to(office)
    assert office.files() == ["html", "ipynb", "log"]
    assert "half" not in files.log.read_text(encoding="utf-8")


def test_what_was_out_with_its_page_stays_so_whatever_the_secrets_are_by_now(office, left, monkeypatch):
    files, _ = left
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    see_to(office)
    with monkeypatch.context() as of_run:
        of_run.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
        settings_secrets.mark(files)
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    assert see_to(office) == [files.name]
    assert office.files() == ["html", "ipynb", "log"]
    assert office.rows()[0].artefacts.keys() == {"notebook", "page", "log"}


@pytest.mark.parametrize("is_replaced", [False, True])
def test_what_was_written_with_a_secret_that_nobody_here_knows_waits_for_who_knows_it(
    office, left, monkeypatch, caplog, is_replaced
):
    files, _ = left
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    with monkeypatch.context() as of_run:
        of_run.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
        settings_secrets.mark(files)
    marks = files.secret_marks.read_bytes()
    assert (stat.S_IMODE(files.secret_marks.stat().st_mode), b"horse" in marks) == (0o600, False)
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    files.save(nbformat.writes(nbformat.v4.new_notebook(cells=[cell("x", 1, "correct-horse-canary")])))
    assert see_to(office) == []
    assert "waits for a run with the same secrets" in caplog.text
    assert office.files() == ["log", "part.ipynb", "part.secrets"]
    if is_replaced:
        # The log's last line is no sign of life.
        os.utime(files.log, (1, 1))
        assert see_to(office) == []
        execute(office.db, "UPDATE job_run SET heartbeat_at = heartbeat_at - 90000")
        (files.folder / f"{files.name}.part.new").write_text("half", encoding="utf-8")
        assert see_to(office) == [files.name]
        assert office.files() == ["blocked.ipynb", "blocked.log"]
        [row] = office.rows()
        assert row.message.startswith("The run was killed, or its machine went down")
        assert (
            "It is not published, for it was written with secrets that the settings do not hold any more" in row.message
        )
        return
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
    assert see_to(office) == [files.name]
    assert office.files() == ["blocked.ipynb", "blocked.log"]


def test_a_page_is_published_whatever_a_cell_holds(office, left):
    files, _ = left
    notebook = nbformat.read(files.aside, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("![x](attachment:none.png)"))
    files.save(nbformat.writes(notebook))
    assert see_to(office) == [files.name]
    # The verdict stands above the cells.
    assert "The source of cell 5 cannot be shown on this page (InvalidNotebook)" in files.page.read_text(
        encoding="utf-8"
    )


@pytest.fixture
def another(office):
    """Makes files and the row of another run that was killed, with a name so late that it comes first."""

    def another(number):
        files = RunFiles(office.runs / "small", f"29991128T100000Z_{number:04x}")
        files.save(nbformat.writes(nbformat.v4.new_notebook(cells=[cell("x", 1)])))
        files.log.touch()
        job_runs.begin(office.db, replace(START, name=files.name))
        return files

    return another


def test_dead_runs_that_cannot_be_published_keep_no_other_back(office, left, another, monkeypatch):
    monkeypatch.setattr(left_behind, "MOST", 2)
    for number in range(3):
        another(number).notebook.mkdir()
    grow_old(office)
    assert see_to(office) == [left[0].name]


def test_files_of_runs_that_nobody_here_knows_take_nobody_s_place_and_nobody_is_told(office, left, another, caplog):
    caplog.set_level("INFO")
    for number in range(25):
        another(number)
    execute(office.db, "DELETE FROM job_run WHERE name LIKE '2999%'")
    for name in ("copied", os.fsdecode(b"\xff")):
        (office.runs / "small" / f"{name}.part.ipynb").write_text("{}", encoding="utf-8")
        (office.runs / "small" / f"{name}.log").touch()
    assert see_to(office) == [left[0].name]
    assert caplog.records == []


def test_rows_of_other_machines_take_no_place_of_those_whose_files_are_here(office, left, another, monkeypatch):
    monkeypatch.setattr(left_behind, "MOST", 2)
    for number in range(3):
        files = another(number)
        files.aside.unlink()
        files.log.unlink()
    grow_old(office)
    left[0].publish_notebook()
    assert see_to(office) == [left[0].name]


def test_files_of_another_notebook_s_run_are_left_alone(office, left):
    files, _ = left
    folder = office.runs / "other"
    folder.mkdir()
    for path in (files.log, files.aside):
        shutil.copy(path, folder)
    assert left_behind.publish(office.db, folder) == []
    assert office.files("other") == ["log", "part.ipynb"]


@pytest.mark.parametrize("place", ["log", "aside"])
def test_a_pipe_in_the_place_of_what_a_run_wrote_is_not_waited_for(office, left, place):
    path = getattr(left[0], place)
    path.unlink()
    os.mkfifo(path)
    assert see_to(office) == ([] if place == "log" else [left[0].name])
    assert office.files() == ["log", "part.ipynb"]


@pytest.mark.parametrize("place", ["notebook", "page", "page_aside", "log_aside", "_saving"])
def test_a_pipe_in_the_place_of_what_is_still_to_be_written_gives_way(office, left, place):
    os.mkfifo(getattr(left[0], place))
    assert see_to(office) == [left[0].name]
    assert office.files() == ["html", "ipynb", "log"]
    assert job_office.outputs(left[0].notebook) == "one\n"


def test_its_row_stays_died_and_tells_where_the_record_is_and_what_to_do(office, left):
    see_to(office)
    [row] = office.rows()
    assert (row.outcome, row.artefacts.keys()) == ("died", {"notebook", "page", "log"})
    assert row.message.startswith("The run was killed, or its machine went down: no sign of life after 20")
    assert "To fix: run it again" in row.message


def test_what_was_seen_to_is_not_seen_to_again(office, left):
    see_to(office)
    before = left[0].page.stat().st_mtime_ns
    assert see_to(office) == []
    assert left[0].page.stat().st_mtime_ns == before


def test_a_run_that_beats_and_one_whose_files_are_held_are_left_alone(office, left):
    files, run_id = left
    with held_elsewhere(files):
        assert see_to(office) == []
    job_runs.beat(office.db, run_id)
    assert see_to(office) == []
    assert office.files() == ["log", "part.ipynb"]


def held_elsewhere(files):
    """A process that holds these files; it is gone when its standard input closes."""
    code = "import sys; from pathlib import Path; from notebooks.runner.run_files import RunFiles\n"
    code += (
        "with RunFiles(Path(sys.argv[1]), sys.argv[2]).held() as is_held: print(is_held, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, files.folder, files.name], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout.readline() == b"True\n"
    return holder


def test_a_secret_in_it_keeps_it_back(office, left, monkeypatch):
    files, _ = left
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
    files.save(nbformat.writes(nbformat.v4.new_notebook(cells=[cell("x", 1, "correct-horse-canary")])))
    see_to(office)
    assert office.files() == ["blocked.ipynb", "blocked.log"]
    [row] = office.rows()
    assert row.message.startswith(f"Not published, for a secret is in {files.name}.blocked.ipynb, cell 2, ")
    assert "The run itself: died. The run was killed" in row.message
    assert "canary" not in row.message


@pytest.mark.parametrize(("text", "kept"), [("", ["log"]), ('{"cells": [{"ce', ["log", "torn"])])
def test_a_notebook_that_was_not_begun_or_cannot_be_read_leaves_the_log(office, left, text, kept):
    files, _ = left
    files.aside.write_text(text, encoding="utf-8")
    see_to(office)
    assert office.files() == kept
    assert office.rows()[0].artefacts.keys() == {"log"}


def test_a_run_that_was_killed_between_publishing_and_its_last_word_gets_its_page(office, left):
    files, _ = left
    files.publish_notebook()
    files.page_aside.write_text("<html>", encoding="utf-8")
    see_to(office)
    assert office.files() == ["html", "ipynb", "log"]
    assert files.page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert office.rows()[0].artefacts.keys() == {"notebook", "page", "log"}


def test_a_run_that_could_not_publish_gets_its_record_later_and_keeps_its_own_words(office, left):
    files, run_id = left
    job_runs.finish(office.db, run_id, JobEnd("failed", 1, "The run could not be written."))
    see_to(office)
    [row] = office.rows()
    assert (row.outcome, row.message) == ("failed", "The run could not be written.")
    assert row.artefacts.keys() == {"notebook", "page", "log"}


def test_a_run_that_hung_in_its_page_gets_it_later(office, left):
    files, run_id = left
    files.publish_notebook()
    files.begin_page()
    job_runs.finish(office.db, run_id, JobEnd("out_of_time", 124, "The runner itself hung."))
    assert see_to(office) == [files.name]
    assert office.files() == ["html", "ipynb", "log"]
    assert office.rows()[0].artefacts.keys() == {"notebook", "page", "log"}


def test_a_page_that_took_its_maker_along_twice_is_not_tried_again(office, left):
    files, _ = left
    assert files.begin_page()
    assert files.begin_page()
    assert see_to(office) == [files.name]
    assert office.files() == ["ipynb", "log"]
    assert office.rows()[0].message.endswith("It has no page, for making one did not end twice; open its notebook.")
    assert see_to(office) == []


def test_a_page_that_fails_each_time_is_tried_twice(office, left, monkeypatch):
    tries = []

    def fail(*_):
        tries.append(1)
        raise MemoryError

    monkeypatch.setattr(page, "write", fail)
    for _ in range(4):
        see_to(office)
    assert len(tries) == 2
    assert office.rows()[0].message.endswith("open its notebook.")


def test_a_page_that_takes_for_ever_is_left_after_a_while(office, left, monkeypatch):
    files, _ = left
    is_over = threading.Event()
    monkeypatch.setattr(page, "write", lambda *_: is_over.wait(60))
    began = time.monotonic()
    left_behind.publish_within(office.db, [files.folder], seconds=0.5)
    assert time.monotonic() - began < 30
    assert office.files() == ["ipynb", "log", "part.tries"]
    is_over.set()


def test_empty_files_of_a_run_that_never_began_go_after_a_minute(office):
    old, young = RunFiles.make(office.runs / "small"), RunFiles.make(office.runs / "small")
    os.utime(old.log, (0, 0))
    assert see_to(office) == [old.name]
    assert young.log.exists()


def test_files_of_another_records_run_are_left_alone(office, left):
    execute(office.db, "DELETE FROM job_run")
    os.utime(left[0].log, (0, 0))
    assert see_to(office) == []
    assert office.files() == ["log", "part.ipynb"]


def test_a_run_of_another_machine_is_left_to_that_machine(office, left):
    files, _ = left
    for path in (files.log, files.aside):
        path.unlink()
    assert see_to(office) == []
    assert office.rows()[0].message == ""
