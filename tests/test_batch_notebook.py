"""The cells of booking_batch.ipynb: what a run books, mails and proves, and what it says when something is wrong."""

from pathlib import Path

import notebook_desk
import pytest
from notebook_cells import execute
from notebook_desk import counted, mails_in, outcomes, rows
from smtp_server import SmtpServer

from mailer import portal_process
from store import sample, times
from store.candidates_file import CandidatesFile
from store.settings import Settings

environment, candidates = notebook_desk.environment, notebook_desk.candidates
LOGIN_WANTED = {"MAIL": "530 5.7.0 Authentication Required"}
NO_PORTAL = "http://127.0.0.1:9"


@pytest.fixture
def book(tmp_path, environment):
    """Runs the notebook's cells for a file, in earnest."""

    def book(path, **parameters):
        return execute(tmp_path, "booking_batch", batch_csv=str(path), dry_run=False, **parameters)

    return book


@pytest.fixture
def portal(environment):
    """The address of the installation's portal."""
    with portal_process.running(environment) as address:
        yield address


@pytest.fixture
def refusing(environment, monkeypatch):
    """A mail server that wants a login, of which the settings know nothing."""
    with SmtpServer(LOGIN_WANTED) as server:
        own = {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port),
               "EMAIL_HOST_PASSWORD": "", "DEFAULT_FROM_EMAIL": "interviews@acme.org"}  # fmt: skip
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def two(tmp_path):
    """A file of one row that can be booked and one that cannot."""
    path = tmp_path / "two.csv"
    path.write_text(
        "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes\n"
        "Asha Rao,asha@example.com,Engineer,Example Labs,2099-01-05,09:00,30\n"
        "Ravi,not an address,Engineer,Example Labs,2099-01-05,10:00,30\n",
        encoding="utf-8",
    )
    return path


def test_every_fault_of_the_faults_file_is_told_and_fails_the_job(tmp_path, environment, book, portal):
    template = Path("notebooks/data/candidates_faults.csv")
    path = sample.write_sample(template, tmp_path / "faults.csv", times.now().date())
    done = book(path, portal_url=portal)
    refused = [line for line, outcome in expected_outcomes(path).items() if outcome.startswith("refused")]
    first = expected_outcomes(path)[refused[0]].removeprefix("refused: ")
    assert f"{len(refused)} rows are refused: line {refused[0]} ({first}), line {refused[1]} (" in done.error
    assert f") and {len(refused) - 5} more. To fix: correct them in faults.csv as the table of rows says" in done.error
    assert outcomes(environment) == expected_outcomes(path)


def expected_outcomes(path: Path) -> dict[int, str]:
    with CandidatesFile(path, Settings()) as file:
        place = file.header["expected_outcome"]
        # A row with a cell too few has no expectation in its last one.
        return {line: (cells[place : place + 1] or [""])[0] or "refused: row_cells" for line, cells in file}


def test_a_server_that_wants_a_login_pauses_the_job_keeps_the_bookings_and_names_the_fix(
    environment, candidates, book, refusing
):
    done = book(candidates, portal_url=NO_PORTAL, preflight=False)
    assert "200 mails are not sent." in done.error
    assert counted(environment) == {"created": 200}
    assert "The mail account is paused" in done.shown
    assert "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD." in done.shown
    assert "[SUCCESS]" not in done.logged


def test_mails_that_are_left_to_another_job_are_no_failure(tmp_path, candidates, book):
    assert book(candidates, deliver_mail=False).error == ""
    assert not (tmp_path / "mailbox").exists()


def test_refused_rows_are_no_failure_where_they_are_allowed(environment, two, book, portal):
    assert book(two, allow_refused=True, portal_url=portal).error == ""
    assert outcomes(environment) == {2: "created", 3: "refused: email_invalid"}


def test_without_a_portal_the_job_fails_with_the_line_that_starts_one(two, book):
    done = book(two, allow_refused=True, portal_url=NO_PORTAL)
    assert "1 mail is not proven." in done.error
    assert "make portal" in done.shown


def test_without_mail_settings_the_bookings_stand_and_every_missing_setting_is_named(
    environment, candidates, book, monkeypatch
):
    monkeypatch.delenv("EMAIL_BACKEND")
    done = book(candidates, preflight=False)
    missing = ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "DEFAULT_FROM_EMAIL")
    assert [name for name in missing if f"{name} is not set." not in done.error] == []
    assert counted(environment) == {"created": 200}
    assert "[EMAIL NOT SENT]" in done.logged


def test_a_batch_that_really_sends_stops_before_the_first_candidate_if_the_server_refuses(
    environment, candidates, book, refusing
):
    done = book(candidates)
    assert "Stopped before the first candidate; nothing was booked or mailed." in done.error
    assert "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD." in done.error
    assert rows(environment, "SELECT count(*) FROM interview") == [(0,)]
    assert refusing.recipients() == []


def test_a_canary_gets_a_test_invitation_before_the_first_candidate(environment, two, book, portal):
    done = book(two, portal_url=portal, allow_refused=True, canary="ops@example.com")
    assert done.error == ""
    first = rows(environment, "SELECT i.is_test, n.state, n.recipient FROM notification n JOIN interview i"
                              " ON i.id = n.interview_id ORDER BY n.id LIMIT 1")  # fmt: skip
    assert first == [(1, "sent", "ops@example.com")]
    assert outcomes(environment)[2] == "created"


def test_a_dry_run_books_and_mails_nothing(tmp_path, environment, candidates):
    done = execute(tmp_path, "booking_batch", batch_csv=str(candidates))
    assert done.error == ""
    assert "200 rows of candidates.csv" in done.shown
    assert rows(environment, "SELECT count(*) FROM interview") == [(0,)]
    assert mails_in(tmp_path) == 0


def test_missing_candidates_file_ends_the_notebook_with_its_name_and_the_fix(book):
    done = book("nowhere.csv")
    assert "nowhere.csv" in done.error
    assert "To fix: " in done.error
