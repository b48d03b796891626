"""cancel_interviews.ipynb itself: its cells after a batch was booked by its neighbour, and runs as schedulers do it."""

import cancel_desk
import job_office
import notebook_desk
import pytest
from job_office import JobOffice
from notebook_cells import execute
from notebook_desk import keys_of, mails_in, papermill, ring_of, rows, secrets_found, written_texts

from notebooks import jobs

environment, candidates, office = notebook_desk.environment, notebook_desk.candidates, cancel_desk.office
STATES = "SELECT state, count(*) FROM interview GROUP BY state ORDER BY state"
KINDS = "SELECT kind, state, count(*) FROM notification GROUP BY kind, state ORDER BY kind"


@pytest.fixture
def booked(tmp_path, environment, candidates):
    """The sample's 200 candidates, booked by booking_batch.ipynb, their mails not yet sent."""
    done = execute(tmp_path, "booking_batch", batch_csv=str(candidates), dry_run=False, deliver_mail=False)
    assert done.error == ""
    return candidates


def test_as_a_job_it_cancels_mails_and_counts_what_it_did(office, record_url, tmp_path):
    office.book("a", "b")
    office.mail()
    scheduler = JobOffice(tmp_path, office.desk.db, job_office.environment_of(tmp_path, record_url), jobs.FOLDER)
    asked = ("run", "cancel_interviews", "interviews=IV-1, IV-2", "dry_run=false")
    code, said, errors = scheduler.command(*asked)
    assert code == 0, said + errors
    assert office.states() == ["cancelled"] * 2
    assert {name: dict(methods) for name, methods in office.arrived().items()} == dict.fromkeys(
        "ab", {"REQUEST": 1, "CANCEL": 1}
    )
    assert scheduler.rows()[-1].counts == {"interviews": 2, "cancelled": 2, "mails_sent": 2}


def test_a_batch_is_cancelled_by_its_own_file_as_a_job_and_nothing_private_is_written(tmp_path, environment, booked):
    (tmp_path / "out.log").unlink()
    done = papermill(tmp_path, environment, "cancel_interviews", cancel_csv=booked, dry_run=False)
    assert done.returncode == 0, done.stderr
    assert rows(environment, STATES) == [("cancelled", 200)]
    # Nobody was invited yet, so nobody is told.
    assert rows(environment, KINDS) == [("invitation", "superseded", 200)]
    texts = [done.stdout, done.stderr, *written_texts(tmp_path)]
    assert "Done: 200 cancelled; 0 mails sent now." in texts[2]
    addresses = [address for (address,) in rows(environment, "SELECT email FROM candidate")]
    assert secrets_found([*keys_of(environment), *ring_of(tmp_path), *addresses], texts) == []


def test_some_of_a_batch_are_cancelled_by_their_codes_and_mailed_and_a_second_run_does_nothing(
    tmp_path, environment, booked
):
    given = {"interviews": "IV-3, IV-4", "dry_run": False}
    # The first run sends the batch's invitations, but for those of the two.
    assert execute(tmp_path, "cancel_interviews", **given).error == ""
    assert rows(environment, STATES) == [("cancelled", 2), ("scheduled", 198)]
    assert rows(environment, KINDS) == [("invitation", "sent", 198), ("invitation", "superseded", 2)]
    third = execute(tmp_path, "cancel_interviews", interviews="5", dry_run=False)
    assert "Done: 1 cancelled; 1 mail sent now." in third.shown
    again = execute(tmp_path, "cancel_interviews", interviews="IV-3, IV-4, IV-5", dry_run=False)
    assert "Done: 3 unchanged; 0 mails sent now." in again.shown
    assert mails_in(tmp_path) == 199


def test_without_any_name_the_interviews_ahead_are_listed_and_nothing_is_done(tmp_path, environment, booked):
    done = execute(tmp_path, "cancel_interviews")
    assert done.error == ""
    assert "Nothing was named; ahead: 200 interviews" in done.shown
    assert "... and 100 more." in done.shown
    assert rows(environment, STATES) == [("scheduled", 200)]


def test_a_dry_run_of_the_file_lists_what_would_be_cancelled(tmp_path, environment, booked):
    done = execute(tmp_path, "cancel_interviews", cancel_csv=str(booked))
    assert done.error == ""
    assert "200 interviews of candidates.csv" in done.shown
    assert "200 would be cancelled. To cancel, set dry_run to False." in done.shown
    assert (rows(environment, STATES), mails_in(tmp_path)) == ([("scheduled", 200)], 0)


def test_a_code_that_is_unknown_ends_the_notebook_with_its_fix(tmp_path, environment, booked):
    done = execute(tmp_path, "cancel_interviews", interviews="IV-1, IV-999", dry_run=False)
    assert "JobFailed: 1 interview is refused, so that nothing is cancelled: IV-999" in done.error
    assert "To fix: " in done.error
    assert rows(environment, STATES) == [("scheduled", 200)]
