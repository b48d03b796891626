"""Runs of jobs with real kernels: how each kind of end is told, and what is left of it."""

import html
import json
import os
import signal
import stat
import threading
from contextlib import contextmanager
from typing import get_args

import pytest
from job_office import JobOffice, is_alive, outputs
from waiting import wait_until

from mailer.verification import stages
from notebooks import jobs
from notebooks.runner import heart, last_word, left_behind, watch
from notebooks.runner.run_files import RunFiles
from store import database, job_locks, job_remains, job_runs
from store.database import execute, fetch
from store.errors import DatabaseUnusable, SettingsError
from store.job_locks import JobBusy

ALL = ["html", "ipynb", "log"]


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: what the engines do differently is in the tests of the lock and of the rows."""
    return sqlite_url


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    """An installation with notebooks of the test's own."""
    return JobOffice.here(tmp_path, db, record_url, monkeypatch)


@pytest.fixture
def asked_to_stop(office):
    """Sends a signal to this process as soon as the notebook has made the file `here`."""
    ended = threading.Event()

    def send(number):
        while not (office.folder / "here").exists() and not ended.wait(0.02):
            pass
        if not ended.is_set():
            os.kill(os.getpid(), number)

    threads = []

    def asked_to_stop(number=signal.SIGTERM):
        threads.append(threading.Thread(target=send, args=(number,)))
        threads[-1].start()
        return f"open({str(office.folder / 'here')!r}, 'w').close()"

    yield asked_to_stop
    ended.set()
    for thread in threads:
        thread.join()


def test_a_run_whose_record_is_away_at_its_end_ends_as_it_did_and_says_so(office, monkeypatch):
    def away(*_):
        raise DatabaseUnusable("The record cannot be reached.", "see that it runs.")

    monkeypatch.setattr(job_runs, "finish", away)
    monkeypatch.setattr(job_remains, "settle", away)
    monkeypatch.setattr(last_word, "_TELL_SECONDS", 0)
    office.write("print(number)")
    result = office.run()
    assert (result.outcome, result.exit_code, office.files()) == ("done", 0, [*ALL, "part.end"])
    assert result.message.startswith(
        "The record could not be told, so it tells this run as died for now: The record cannot"
    )
    assert office.rows()[0].outcome == "running"
    monkeypatch.undo()
    execute(office.db, "UPDATE job_run SET heartbeat_at = heartbeat_at - 60")
    left_behind.publish(office.db, office.runs / "small")
    assert [(row.outcome, row.exit_code, row.message) for row in office.rows()] == [("done", 0, "")]
    assert office.files() == ALL


def test_a_record_that_comes_back_while_a_run_ends_is_told_by_the_run_itself(office, monkeypatch):
    def away(*_):
        raise DatabaseUnusable("The record cannot be reached.", "see that it runs.")

    monkeypatch.setattr(job_runs, "finish", away)
    monkeypatch.setattr(last_word, "_TELL_SECONDS", 0)
    office.write("print(number)")
    assert office.run().outcome == "done"
    assert [(row.outcome, row.exit_code, row.message) for row in office.rows()] == [("done", 0, "")]
    assert office.files() == ALL


def test_an_end_that_was_written_though_the_answer_was_lost_is_told_as_it_was(office, monkeypatch):
    real, lost = database.changing, []

    @contextmanager
    def changing(db):
        with real(db):
            yield
        # The last of all that a run writes.
        if not fetch(db, "SELECT count(*) FROM job_lock")[0][0] and not lost:
            lost.append(1)
            raise DatabaseUnusable("The connection was lost.", "see that it runs.")

    monkeypatch.setattr(last_word.database, "changing", changing)
    monkeypatch.setattr(last_word, "_TELL_SECONDS", 0)
    office.write("print(number)")
    result = office.run()
    assert (result.outcome, result.message, len(lost)) == ("done", "", 1)
    assert [(row.outcome, row.exit_code, row.message) for row in office.rows()] == [("done", 0, "")]


def test_a_line_of_millions_of_signs_holds_nothing_up(office):
    office.write("print('y' * 3_000_000, 'old\\rnew')")
    result = office.run(total=60)
    assert (result.outcome, len(outputs(result.files.notebook))) == ("done", 4)


def test_a_run_leaves_notebook_page_log_and_a_row_that_tells_all(office, monkeypatch):
    monkeypatch.setenv("JOB_STARTED_BY", "nightly")
    office.write("print(number + 1)", "from notebooks import counts\ncounts.tell(rows=number)\ncounts.tell(mails=2)")
    result = office.run("number=41")
    assert (result.outcome, result.exit_code, result.message) == ("done", 0, "")
    assert office.files() == ALL
    assert outputs(result.files.notebook) == "42\n"
    [row] = office.rows()
    assert (row.outcome, row.exit_code, row.started_by, row.parameters) == ("done", 0, "nightly", {"number": 41})
    assert row.counts == {"rows": 41, "mails": 2}
    assert row.artefacts.keys() == {"notebook", "page", "log"}
    assert 20_000_000 < row.peak_memory < 1_000_000_000
    assert row.code_version
    assert fetch(office.db, "SELECT count(*) FROM job_lock") == [(0,)]


def test_a_text_arrives_in_the_notebook_as_it_was_given(office):
    texts = ['say "hi"', "a\\nb", "{x} $HOME `id` %s", "\u0905\u093e \U0001f600", "'''", "007", "true", ""]
    names = [f"text{number}" for number in range(len(texts))]
    office.write(
        f"import json\nprint(json.dumps([{', '.join(names)}]))",
        parameters="\n".join(f'{name}: str = "x"  # any' for name in names),
    )
    result = office.run(*(f"{name}={text}" for name, text in zip(names, texts, strict=True)))
    assert result.message == ""
    assert json.loads(outputs(result.files.notebook)) == texts


def test_a_failed_cell_fails_the_run_and_what_was_done_is_kept(office):
    office.write("print('one')", "raise ValueError('no such row')", "print('three')")
    result = office.run()
    assert (result.outcome, result.exit_code, result.message) == ("failed", 1, "ValueError: no such row")
    assert office.files() == ALL
    assert outputs(result.files.notebook) == "one\n"
    assert office.rows()[0].message == "ValueError: no such row"


def test_wrong_settings_have_an_exit_code_of_their_own(office):
    wrong = "import os\nos.environ['INTERVIEW_TIMEZONE'] = 'Mars/Base'"
    office.write(wrong, "from notebooks.opened_run import open_run\nopen_run('small', globals())")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("wrong_settings", 2)
    assert "INTERVIEW_TIMEZONE" in result.message


def test_a_notebook_that_exits_before_its_end_has_failed(office):
    office.write("import sys\nsys.exit(0)", "print('the work')")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("failed", 1)
    assert "cell 5 did not run" in result.message


def test_a_dead_kernel_is_told_and_its_notebook_does_not_call_itself_complete(office):
    office.write("print('one', flush=True)", "import os\nos.kill(os.getpid(), 9)", "print('three')")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("kernel_died", 138)
    notebook = json.loads(result.files.notebook.read_text())
    assert notebook["cells"][-1]["metadata"]["papermill"]["status"] == "pending"
    assert "did not end well" in "".join(notebook["cells"][0]["source"])
    assert outputs(result.files.notebook) == "one\n"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_run_that_was_asked_to_stop_sees_to_no_other_s_files(office, asked_to_stop, monkeypatch, is_stopped):
    seen_to = []
    monkeypatch.setattr(left_behind, "publish_within", lambda _, folders, *more: seen_to.extend(folders))
    office.write(asked_to_stop() + "\nimport time\ntime.sleep(60)" if is_stopped else "1")
    assert office.run().outcome == ("stopped" if is_stopped else "done")
    assert seen_to == ([] if is_stopped else [office.runs / "small"])


@pytest.mark.parametrize("limit", ["total", "cell"])
def test_a_run_out_of_time_is_interrupted_and_keeps_what_was_done(office, limit):
    office.write("print('one')", "import time\nprint('two', flush=True)\ntime.sleep(60)")
    result = office.run(**{limit: 4.0 if limit == "total" else 0.5})
    assert (result.outcome, result.exit_code) == ("out_of_time", 124)
    assert "To fix: give it more time, or run it again" in result.message
    assert outputs(result.files.notebook) == "one\ntwo\n"
    assert office.rows()[0].seconds < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_cell_politely_and_keeps_what_was_done(office, asked_to_stop, number):
    here = asked_to_stop(number)
    office.write(f"import time\ntry:\n    {here}\n    time.sleep(60)\nfinally:\n    print('tidied')", "print('next')")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("stopped", 143)
    assert outputs(result.files.notebook) == "tidied\n"
    assert signal.Signals(number).name in office.rows()[0].message
    assert office.files() == ALL


def test_a_cell_that_does_not_stop_is_ended_after_a_grace(office, asked_to_stop, monkeypatch):
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.5)
    office.write(f"""
        import time
        print("one", flush=True)
        {asked_to_stop()}
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass
    """)
    result = office.run()
    assert (result.outcome, result.exit_code) == ("stopped", 143)
    assert office.files() == ALL


def test_a_secret_in_an_output_keeps_everything_back_and_is_named_by_its_place_only(office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
    office.write("print('harmless')", "import os\nprint('it is', os.environ['EMAIL_HOST_PASSWORD'])")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("blocked", 70)
    assert "cell 5, output 1: a secret of the settings" in result.message
    assert "canary" not in result.message + str(office.rows())
    assert office.files() == ["blocked.ipynb", "blocked.log"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (office.runs / "small").iterdir()}
    assert modes == {0o600}


def test_a_stage_to_stop_after_is_chosen_from_those_that_there_are_before_anything_starts():
    [stage] = [one for one in jobs.sheet("email_verification").parameters if one.name == "stop_after"]
    assert get_args(stage.kind) == tuple(stages.BY_NAME)
    with pytest.raises(SettingsError, match="not one of"):
        jobs.job("email_verification", ["stop_after=lunch"])


def test_a_second_run_of_the_same_job_is_refused_and_leaves_nothing(office):
    office.write("print(1)")
    job_locks.take(office.db, job_runs.job_key("small", {"number": 1}), "another")
    with pytest.raises(JobBusy, match="runs already: another"):
        office.run()
    assert (office.files(), office.rows()) == ([], [])


def test_a_run_may_wait_for_the_other_one_to_end(office):
    office.write("print(1)")
    lock = job_locks.take(office.db, job_runs.job_key("small", {"number": 1}), "another")
    ender = threading.Timer(0.3, lambda: job_locks.release(office.db, lock))
    ender.start()
    assert office.run(wait=20).outcome == "done"
    ender.join()


def test_a_failed_run_s_record_says_first_what_to_do_and_leads_to_the_cell(office):
    office.write(
        "from notebooks.stopping import JobFailed", "raise JobFailed('It is full. To fix: make room.\\nAnd more.')", "1"
    )
    result = office.run()
    notebook = json.loads(result.files.notebook.read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert texts[0].startswith(
        "**This run did not end well** (failed, exit code 1).\n\n<div>It is full. To fix: make room.<br>And more.</div>\n"
    )
    assert "[The cell that failed](#the-cell-that-failed)" in texts[0]
    place = texts.index('<a id="the-cell-that-failed"></a>**The next cell failed.**')
    assert texts[place + 1].startswith("raise JobFailed")
    page = result.files.page.read_text(encoding="utf-8")
    assert ('href="#the-cell-that-failed"' in page, 'id="the-cell-that-failed"' in page) == (True, True)
    assert "An Exception was encountered" not in page


def test_what_an_exception_says_is_shown_as_it_is(office):
    said = "# Rows: <img src=x> ![p](http://evil.example/p.png) *a* `b` $c$ [d](http://evil.example)"
    office.write("from notebooks.stopping import JobFailed", f"raise JobFailed({said!r})")
    page = office.run().files.page.read_text(encoding="utf-8")
    notice = page[page.index("This run did not end well") :].partition("</div>")[0]
    assert html.unescape(notice.partition("<div>")[2]) == said


def test_a_run_that_lost_its_lock_stops(office, monkeypatch):
    monkeypatch.setattr(heart.Heart.__init__, "__defaults__", (0.1,))
    office.write("import time\nprint('one', flush=True)\ntime.sleep(60)")
    thief = threading.Timer(1.0, lambda: execute(office.db, "UPDATE job_lock SET owner = 'another'"))
    thief.start()
    result = office.run()
    thief.join()
    assert (result.outcome, result.exit_code) == ("overtaken", 75)
    assert "Another run took the job over" in result.message
    assert fetch(office.db, "SELECT owner FROM job_lock") == [("another",)]


def test_a_run_whose_notebook_cannot_be_written_has_failed(office):
    office.write("""
        from pathlib import Path
        [path] = Path(folder).glob("*.part.ipynb")
        path.unlink()
        path.mkdir()
    """, parameters='folder: str = ""  # of the runs')  # fmt: skip
    result = office.run(f"folder={office.runs / 'small'}")
    assert (result.outcome, result.exit_code) == ("failed", 1)
    assert "The run could not be written" in result.message


def test_whatever_keeps_the_page_from_being_made_is_told_and_the_notebook_is_there(office, monkeypatch):
    def broken(*_):
        raise TypeError("an image is no text")

    monkeypatch.setattr("notebooks.runner.page.write", broken)
    office.write("print(number)")
    result = office.run()
    [row] = office.rows()
    assert (result.outcome, result.exit_code, row.exit_code) == ("failed", 1, 1)
    assert f"{result.files.page}: TypeError: an image is no text" in row.message
    assert result.artefacts.keys() == row.artefacts.keys() == {"notebook", "log"}
    assert fetch(office.db, "SELECT count(*) FROM job_lock") == [(0,)]


def test_counts_that_cannot_be_read_fail_a_good_run_but_not_one_that_was_kept_back(office, monkeypatch):
    def broken(_):
        raise AttributeError("no counts")

    monkeypatch.setattr("notebooks.counts.read", broken)
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-canary")
    office.write("import os\nprint(os.environ['EMAIL_HOST_PASSWORD'] if number else '')")
    result = office.run("number=0")
    assert (result.outcome, result.artefacts.keys()) == ("failed", {"notebook", "page", "log"})
    assert office.run().outcome == "blocked"


def test_a_run_that_is_done_keeps_its_exit_code_where_nothing_can_be_printed(office):
    office.write("print(number)")
    full = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
    with office.start("run", "small", before=full) as process:
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.count("\n"), office.rows()[0].outcome) == (0, 1, "done")


def test_a_killed_runner_takes_its_kernel_along_is_told_as_died_and_the_next_run_does_the_work(office):
    here = office.folder / "here"
    office.write(f"""
        import os, time
        from pathlib import Path
        if not Path({str(here)!r}).exists():
            Path({str(here)!r}).write_text(str(os.getpid()))
            time.sleep(60)
        print("done")
    """)
    with office.start("run", "small") as process:
        wait_until(lambda: here.exists() and here.read_text())
        process.kill()
    wait_until(lambda: not is_alive(int(here.read_text())), 5)
    assert office.files() == ["log", "part.ipynb", "part.secrets"]
    assert office.command("run", "small")[0] == 75
    for table in ("job_lock", "job_run"):
        execute(office.db, f"UPDATE {table} SET heartbeat_at = heartbeat_at - 31")
    code, said, _ = office.command("run", "small")
    rows = office.rows()
    assert (code, [row.outcome for row in rows]) == (0, ["died", "done"])
    assert "small: done (exit code 0)" in said
    assert office.files() == sorted(ALL * 2)
    assert rows[0].message.startswith("The run was killed")


def test_two_runs_of_one_second_get_files_of_their_own(tmp_path, monkeypatch):
    names = iter(["same", "same", "other"])
    monkeypatch.setattr("notebooks.runner.run_files.run_name", lambda: next(names))
    assert [RunFiles.make(tmp_path).name for _ in range(2)] == ["same", "other"]
