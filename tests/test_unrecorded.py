"""The end of a run that the record could not be told: kept beside its files, and told by whoever comes later."""

import stat

import killed_run
import pytest
from killed_run import see_to

from notebooks.runner import regular_files, unrecorded
from notebooks.runner.run_files import RunFiles
from store import job_runs
from store.job_runs import JobEnd

office, left = killed_run.office, killed_run.left


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (JobEnd("done", 0, "", {"mails": 3}), ("done", 0, "")),
        (
            JobEnd("failed", 1, "3 rows are refused."),
            ("died", None, "Its end could not be recorded: failed (exit code 1). 3 rows are refused."),
        ),
    ],
)
def test_an_end_that_the_record_could_not_be_told_is_told_later(office, left, end, told):
    files, _ = left
    unrecorded.keep(files, end)
    assert stat.S_IMODE(files.untold.stat().st_mode) == 0o600
    assert see_to(office) == [files.name]
    [row] = office.rows()
    assert (row.outcome, row.exit_code, row.message) == told
    assert office.files() == ["html", "ipynb", "log"]
    assert see_to(office) == []


def test_an_end_that_the_record_was_told_after_all_stays_as_it_was_told(office, left):
    """The answer was lost, or it came while the runner had given up waiting for it."""
    files, run_id = left
    end = JobEnd("failed", 1, "3 rows are refused.")
    unrecorded.keep(files, end)
    with office.db.atomic():
        job_runs.finish(office.db, run_id, end)
    assert see_to(office) == [files.name]
    [row] = office.rows()
    assert (row.outcome, row.exit_code, row.message) == ("failed", 1, "3 rows are refused.")
    assert office.files() == ["html", "ipynb", "log"]


def test_a_run_that_was_kept_back_while_the_record_was_away_says_why(office, left):
    files, _ = left
    files.block()
    unrecorded.keep(files, JobEnd("blocked", 70, "Not published, for a secret is in cell 2."))
    see_to(office)
    [row] = office.rows()
    assert row.message == (
        "Its end could not be recorded: blocked (exit code 70). Not published, for a secret is in cell 2."
    )
    assert office.files() == ["blocked.ipynb", "blocked.log"]


def test_an_end_that_cannot_be_read_keeps_no_other_from_being_told(office, left, monkeypatch, caplog):
    files, _ = left
    first = RunFiles(files.folder, "20200101T000000Z_0000")
    unrecorded.keep(first, JobEnd("done", 0))
    unrecorded.keep(files, JobEnd("done", 0))
    real = regular_files.read

    def read(path):
        if path == first.untold:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(regular_files, "read", read)
    see_to(office)
    assert office.rows()[0].outcome == "done"
    assert f"{first.untold.name}, how a run ended, cannot be read: Permission denied" in caplog.text


@pytest.mark.parametrize(
    "end",
    [
        '{"outcome": "failed", "exit_code": 1, "counts": null}',
        '{"outcome": "done", "exit_code": [1]}',
        '{"outcome": "done", "exit_code": 99999999999999999999}',
        '"x"',
        "[" * 100_000,
    ],
)
def test_an_end_that_makes_no_sense_ends_no_other_run(office, left, end):
    files, _ = left
    files.untold.write_text(f'{{"end": {end}, "ended_at": 1}}', encoding="utf-8")
    assert see_to(office) == [files.name]
    assert (office.rows()[0].outcome, office.files()) == ("died", ["html", "ipynb", "log"])
    assert see_to(office) == []


def test_an_end_of_another_record_is_left_to_it(office, left):
    files, _ = left
    other = RunFiles.make(files.folder)
    unrecorded.keep(other, JobEnd("done", 0))
    see_to(office)
    assert other.untold.exists()


def test_an_end_that_was_half_kept_is_none(office, left):
    files, _ = left
    files.untold.write_text('{"end": {"outcome": "do', encoding="utf-8")
    see_to(office)
    assert (office.rows()[0].outcome, office.files()) == ("died", ["html", "ipynb", "log"])
