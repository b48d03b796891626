"""What a runner that hangs can still tell, and with which exit code its process ends."""

import os
import threading
import time

import pytest

from notebooks.runner import last_word, surrender
from notebooks.runner.alerts import OpsAlert
from notebooks.runner.last_word import Begun, LastWord
from notebooks.runner.run_files import RunFiles
from notebooks.runner.surrender import Surrender
from store import job_locks, job_runs
from store.database import fetch
from store.job_runs import JobEnd, JobStart

DONE = JobEnd("done", 0, "", {"rows": 2})


class Ended(BaseException):
    """The process would be gone now."""


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: test_runner_hangs has both."""
    return sqlite_url


@pytest.fixture
def word(db, tmp_path):
    """Of a run that has begun, with its lock."""
    files = RunFiles.make(tmp_path / "small")
    run_id = job_runs.begin(db, JobStart(files.name, "small", "key", {}, "cron", "ops", "here", 1, "v1"))
    word = LastWord(db, OpsAlert(db, None))
    word.begun = Begun(files, run_id, job_locks.take(db, "key", files.name))
    return word


@pytest.fixture
def surrendered(word, monkeypatch):
    """Has the runner give up; gives the exit code and the results that were told."""

    def leave(code):
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", leave)

    def surrendered(tell=None):
        told = []
        with pytest.raises(Ended) as ended:
            Surrender(word, tell or told.append)("out_of_time", "It took too long.")
        return ended.value.args[0], told

    return surrendered


def test_the_end_the_lock_and_what_there_is_to_read_are_told(db, word, surrendered):
    code, [told] = surrendered()
    [row] = job_runs.read(db)
    assert (code, told.exit_code, row.exit_code, row.outcome) == (124, 124, 124, "out_of_time")
    assert told.message == row.message
    assert row.message.startswith("It took too long. The runner itself hung after that, and was ended")
    assert told.artefacts.keys() == row.artefacts.keys() == {"log"}
    assert fetch(db, "SELECT count(*) FROM job_lock") == [(0,)]


def test_a_run_that_has_told_its_own_end_keeps_it(db, word, surrendered):
    word.tell(DONE)
    code, [told] = surrendered()
    assert (code, told.outcome, job_runs.read(db)[0].outcome) == (0, "done", "done")


def test_after_the_end_was_told_instead_the_run_itself_tells_no_other(db, word, surrendered):
    surrendered()
    late = threading.Thread(target=word.tell, args=(DONE,), daemon=True)
    late.start()
    late.join(0.5)
    assert late.is_alive()
    assert job_runs.read(db)[0].outcome == "out_of_time"
    # So that the thread ends with the test.
    word._telling.release()
    late.join(10)


def test_a_run_that_hangs_while_it_tells_its_end_is_ended_too(word, surrendered, monkeypatch):
    monkeypatch.setattr(surrender, "_RECORD_SECONDS", 0.2)
    began = time.monotonic()
    with word._telling:
        code, [told] = surrendered()
    assert code == 124
    assert time.monotonic() - began < 10
    assert "The record could not be told, so it tells this run as died for now: the runner hangs" in told.message


def test_a_hang_before_the_run_had_begun_is_said(word, surrendered, capsys):
    word.begun = None
    assert surrendered() == (124, [])
    said = capsys.readouterr().err
    assert said == "notebooks: It took too long. The runner itself hung before the run had begun, and was ended.\n"


@pytest.mark.parametrize(
    ("fault", "words"), [(RuntimeError("no"), "RuntimeError: no"), (None, "it had not ended after 0.2 s")]
)
def test_nothing_that_goes_wrong_there_keeps_the_process(surrendered, capsys, monkeypatch, fault, words):
    monkeypatch.setattr(surrender, "_SAY_SECONDS", 0.2)

    def tell(_):
        if fault:
            raise fault
        time.sleep(2)

    assert surrendered(tell)[0] == 124
    assert words in capsys.readouterr().err


def test_a_message_is_told_as_the_record_keeps_it(db, word):
    result = word.tell(JobEnd("failed", 1, f"\x1b[31mred password=canary {'x' * 1_000_000}"))
    assert result.message == job_runs.read(db)[0].message
    assert result.message.startswith("\\x1b[31mred password=*** x")
    assert len(result.message) <= job_runs.MESSAGE_CHARS


def test_what_the_record_was_not_told_is_said_after_the_longest_message(word, monkeypatch):
    def away(*_):
        raise last_word.DatabaseUnusable("The record cannot be reached.", "see that it runs.")

    monkeypatch.setattr(job_runs, "finish", away)
    monkeypatch.setattr(last_word, "_TELL_SECONDS", 0)
    result = word.tell(JobEnd("failed", 1, "x" * 1_000_000))
    assert result.message.endswith("died for now: The record cannot be reached. To fix: see that it runs.")
