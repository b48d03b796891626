"""What a batch does when something around it is wrong: the portal, the mailbox of the proof, a parameter, the file."""

import pytest
from notebook_cells import execute
from notebook_desk import environment, rows  # noqa: F401 - a fixture
from smtp_server import SmtpServer

from mailer import portal_process
from notebooks import batch_steps
from store import places, times

HEADER = "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes\n"
SAMPLES = "notebooks/data"


@pytest.fixture
def book(tmp_path, environment):  # noqa: F811
    """Runs the notebook's cells, in earnest unless told otherwise."""

    def book(path="", **parameters):
        return execute(tmp_path, "booking_batch", **{"batch_csv": str(path), "dry_run": False} | parameters)

    return book


@pytest.fixture
def two(tmp_path):
    """A file of two candidates."""
    path = tmp_path / "two.csv"
    asha = "Asha,asha@example.com,Engineer,Labs,2099-01-05,09:00,30\n"
    path.write_text(f"{HEADER}{asha}Ravi,ravi@example.com,Engineer,Labs,2099-01-05,10:00,30\n", "utf-8")
    return path


@pytest.fixture
def sending(environment, monkeypatch):  # noqa: F811
    """A real mail server on this machine that takes everything."""
    with SmtpServer() as server:
        own = {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port),
               "EMAIL_HOST_PASSWORD": "", "DEFAULT_FROM_EMAIL": "interviews@acme.test"}  # fmt: skip
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("address", ["https://no-such-portal.invalid", "http://localhost:1"])
def test_nobody_is_booked_where_no_portal_answers(environment, book, two, sending, monkeypatch, address):  # noqa: F811
    monkeypatch.setenv("BACKEND_URL", address)
    done = book(two)
    assert done.error.startswith("JobFailed: Stopped before the first candidate; nothing was booked or mailed.")
    assert "correct" in done.error
    assert "BACKEND_URL" in done.error
    assert rows(environment, "SELECT count(*) FROM interview") == [(0,)]
    assert sending.recipients() == []


def test_with_the_portal_there_the_batch_is_booked_and_mailed(environment, book, two, sending):  # noqa: F811
    with portal_process.running(environment) as address:
        assert book(two, portal_url=address).error == ""
    assert sorted(sending.recipients()) == ["asha@example.com", "ravi@example.com"]


def test_a_mailbox_that_cannot_be_read_fails_the_job_after_everything_else_was_done(
    environment, book, two, sending, monkeypatch  # noqa: F811
):  # fmt: skip
    for name, value in {"HOST": "127.0.0.1", "PORT": "1", "SECURITY": "ssl", "USER": "ops@acme.test",
                        "PASSWORD": "wrong-password-1"}.items():  # fmt: skip
        monkeypatch.setenv(f"IMAP_{name}", value)
    with portal_process.running(environment) as address:
        done = book(two, portal_url=address)
    assert done.error.startswith("JobFailed: The mails were not read back")
    assert "check IMAP_HOST and IMAP_PORT" in done.error
    assert len(sending.recipients()) == 2
    assert (
        "EMAIL: Verification: warning: Mailbox: the mails of this batch will be sent, but not read back" in done.logged
    )
    assert "0 of 2 mails are proven. 2 are not checked" in done.shown
    assert done.shown.count("<td>early</td>") == 2
    assert "lines in " in done.shown


@pytest.mark.parametrize(("name", "value"), [
    ("portal_url", "ftp://x"), ("portal_url", "foo"), ("canary", "nope"), ("fingerprint", "abc"),
])  # fmt: skip
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_wrong_parameter_is_named_and_nothing_is_booked(environment, book, two, name, value, dry_run):  # noqa: F811
    done = book(two, dry_run=dry_run, **{name: value})
    assert done.error.startswith(f"SettingsWrong: [parameters.{name}] {name} = '{value}' is ")
    assert "To fix: " in done.error
    assert rows(environment, "SELECT count(*) FROM interview") == [(0,)]


def test_a_sample_named_by_its_path_is_the_one_of_the_empty_default():
    asked = batch_steps.candidates_file(f"{SAMPLES}/candidates_sample.csv", 0)
    assert asked == batch_steps.candidates_file("", 0)
    assert batch_steps.candidates_file(str(places.resolve(SAMPLES) / "candidates_sample.csv"), 0) == asked


def test_the_faults_sample_named_by_its_path_shows_its_faults(book):
    done = book(f"{SAMPLES}/candidates_faults.csv", dry_run=True)
    assert f"rows of candidates_faults_{times.now().date().isoformat()}.csv" in done.shown
    assert [
        code for code in ("email_invalid", "row_cells", "time_skipped", "duplicate_in_file") if code not in done.shown
    ] == []


def test_counted_days_in_a_file_of_ones_own_are_no_dates(tmp_path, book):
    path = tmp_path / "candidates_sample.csv"
    path.write_text(f"{HEADER}Asha,asha@example.com,Engineer,Labs,+5,09:00,30\n", "utf-8")
    assert "'+5' is no date" in book(path, dry_run=True).shown.replace("&#x27;", "'")


def test_unproven_mails_are_named_in_the_line_that_a_scheduled_job_ends_with(book, two):
    done = book(two, portal_url="http://127.0.0.1:9")
    assert "2 mails are not proven. IV-1, IV-2; of the first: No portal answers at http://127.0.0.1:9" in done.error
    assert "make portal" in done.error


def test_one_of_a_thing_is_told_in_the_singular(tmp_path, book):
    path = tmp_path / "one.csv"
    path.write_text(
        f"{HEADER}Asha,asha@example.com,Engineer,Labs,2099-01-05,09:00,30\nRavi,x,E,L,2099-01-05,10:00,30\n"
    )
    done = book(path, portal_url="http://127.0.0.1:9")
    assert (
        "1 row is refused: line 3 (email_invalid). To fix: correct it in one.csv as the table of rows says"
        in done.error
    )
    assert "1 mail is not proven. IV-1: No portal answers" in done.error


def test_a_questions_file_is_told_as_such_with_the_notebook_that_takes_it(book):
    done = book(f"{SAMPLES}/questions_sample.csv", dry_run=True)
    assert "The file 'questions_sample.csv' is a questions file, not a candidates file." in done.error
    assert "notebooks/load_questions.ipynb" in done.error


def test_a_candidates_file_is_told_as_such_to_who_loads_questions(tmp_path, environment):  # noqa: F811
    done = execute(tmp_path, "load_questions", questions_csv=f"{SAMPLES}/candidates_sample.csv")
    assert "The file 'candidates_sample.csv' is a candidates file, not a questions file." in done.error
    assert "notebooks/booking_batch.ipynb" in done.error
