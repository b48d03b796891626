"""The cells of every notebook on its defaults, and of those that review, load questions and rehearse on others."""

import notebook_desk
import pytest
from notebook_cells import NOTEBOOKS, execute
from notebook_desk import mails_in, ring_of, rows, secrets_found

from store import database, record_copies

environment, interviewed = notebook_desk.environment, notebook_desk.interviewed


@pytest.mark.parametrize("notebook", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_notebook_runs_on_its_harmless_defaults(notebook, tmp_path, environment):
    assert execute(tmp_path, notebook).error == ""
    # The verification mails one test invitation, in the sandbox only.
    assert mails_in(tmp_path) == (notebook == "email_verification")


def test_an_interview_is_read_and_rated_without_its_key_or_address_in_what_is_written(
    tmp_path, environment, interviewed
):
    rating = {"interview_id": 1, "overall_score": 8, "traits": "clarity=7.5, pace=6"}
    done = execute(tmp_path, "review", **rating, dry_run=False)
    assert done.error == ""
    assert rows(environment, "SELECT overall_score, traits FROM evaluation") == [(8.0, '{"clarity":7.5,"pace":6.0}')]
    for shown in (
        "In short: I use &lt;b&gt;both&lt;/b&gt;.",
        "before the candidate cut it",
        "session_key=***",
        "rated 8.",
    ):
        assert shown in done.shown
    assert secrets_found([interviewed, "asha@example.com", *ring_of(tmp_path)], done.texts) == []


def test_a_dry_run_of_a_rating_writes_nothing(tmp_path, environment, interviewed):
    done = execute(tmp_path, "review", interview_id=1, overall_score=8.5)
    assert done.error == ""
    assert rows(environment, "SELECT count(*) FROM evaluation") == [(0,)]
    assert "would rate it 8.5" in done.shown


def test_wrong_parameters_of_a_review_are_all_told_and_end_the_notebook(tmp_path, environment, interviewed):
    done = execute(tmp_path, "review", interview_id=7, overall_score=11, days=0, dry_run=False)
    for name in ("interview_id", "overall_score", "days"):
        assert f"[parameters.{name}]" in done.error
    assert rows(environment, "SELECT count(*) FROM evaluation") == [(0,)]


def test_questions_are_loaded_from_a_file(tmp_path, environment):
    done = execute(tmp_path, "load_questions", dry_run=False)
    assert done.error == ""
    assert rows(environment, "SELECT count(*), count(DISTINCT job_id) FROM question") == [(8, 2)]
    assert "2 with first questions. Interviews that had begun keep their questions." in done.shown


def test_a_faulty_questions_file_fails_the_job_and_loads_nothing(tmp_path, environment):
    path = tmp_path / "questions.csv"
    path.write_text("job_title,company_name,position,question,kind\nCook,Acme,1,Why?,\nCook,Acme,1,How?,smoke\n")
    done = execute(tmp_path, "load_questions", questions_csv=str(path), dry_run=False)
    assert "One row of questions.csv cannot be used, so nothing is loaded. To fix: " in done.error
    assert "The kind is 'smoke'" in done.shown.replace("&#x27;", "'")
    assert rows(environment, "SELECT count(*) FROM question") == [(0,)]


def test_a_rehearsal_in_which_every_mail_fails_is_no_failure_and_changes_nothing(tmp_path, environment, interviewed):
    db = database.open_record(environment["DATABASE_URL"])
    before = record_copies.fingerprints(db)
    done = execute(tmp_path, "rehearsal", scenario="wrong-password")
    assert done.error == ""
    assert record_copies.fingerprints(db) == before
    db.close()
    assert "The record is the same before and after." in done.shown
    assert "App Password" in done.shown
    assert secrets_found([interviewed, "asha@example.com", *ring_of(tmp_path)], done.texts) == []
