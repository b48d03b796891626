"""Overdue jobs told to ops by mail, on both engines: each once, and never at the cost of the answer itself."""

from datetime import timedelta

import job_office
import pytest
import schedule_office
from job_office import JobOffice
from schedule_office import past_run

from notebooks import __main__ as command
from notebooks.schedule import overdue
from store import alerts, times
from store.database import fetch
from store.settings import Settings

DUE = schedule_office.NOW.replace(hour=2)
LATE = DUE + timedelta(minutes=46)


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    """An installation with a job that is overdue, ops with an address, and a mail server that keeps what it gets."""
    environment = job_office.environment_of(tmp_path, record_url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPS_EMAIL", "ops@example.com")
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", "Interviews <interviews@example.com>")
    office = JobOffice(tmp_path, db, environment)
    office.write("1")
    overdue.find(db, schedule_office.read(office), DUE - timedelta(days=7))
    return office


@pytest.fixture
def look(office, capsys, monkeypatch):
    """Looks for overdue jobs at 46 minutes after the time or later, and mails; gives exit code and errors."""
    path = schedule_office.write(office.folder)

    def look(now=LATE):
        monkeypatch.setattr(times, "now", lambda: now)
        code = command.main(["overdue", "--mail", "--schedule", str(path)], office.folder)
        return code, capsys.readouterr().err

    return look


def mails(office):
    """What the mail server got, as texts."""
    return [path.read_text(encoding="utf-8") for path in sorted((office.folder / "mailbox").rglob("new/*"))]


def queued(office):
    return fetch(office.db, "SELECT alert_key, state FROM notification ORDER BY alert_key")


def test_an_overdue_job_is_mailed_once_with_what_to_do_first(look, office):
    assert look() == (1, "")
    assert look(LATE + timedelta(minutes=15)) == (1, "")
    [mail] = mails(office)
    assert "nightly is overdue" in mail
    assert "To fix: look whether its scheduler is on" in mail.replace("=\n", "").replace("=\r\n", "")
    assert queued(office) == [(f"overdue:nightly:{round(DUE.timestamp())}", "sent")]


def test_the_next_time_that_is_missed_is_another_mail(look, office):
    look()
    look(LATE + timedelta(days=3))
    assert len(mails(office)) == 2


def test_a_run_that_failed_is_told_as_the_runner_tells_it_and_not_twice(look, office):
    row = past_run(office, DUE, "failed", message="2 rows are refused. To fix: correct them.")
    with office.db.atomic():
        alerts.queue(office.db, Settings.load(), alerts.of_run(row), now=DUE.timestamp())
    look()
    assert queued(office) == [(f"run:{row.name}", "sent")]


def test_a_run_that_died_is_mailed_once_though_nothing_is_overdue(look, office):
    past_run(office, DUE, "done")
    row = past_run(office, DUE + timedelta(minutes=1), "died", scheduled_as="")
    assert look() == look() == (0, "")
    assert queued(office) == [(f"run:{row.name}", "sent")]


def test_a_mail_that_cannot_go_stays_queued_and_goes_later(look, office, monkeypatch):
    monkeypatch.setenv("EMAIL_BACKEND", "smtp")
    code, err = look()
    assert (code, err.count("\n")) == (1, 1)
    assert "EMAIL_HOST" in err
    assert [state for _, state in queued(office)] == ["queued"]
    monkeypatch.setenv("EMAIL_BACKEND", "sandbox")
    assert look() == (1, "")
    assert len(mails(office)) == 1


def test_without_an_address_nothing_is_mailed_and_the_answer_is_the_same(look, office, monkeypatch):
    monkeypatch.delenv("OPS_EMAIL")
    code, _ = look()
    assert (code, mails(office), queued(office)) == (1, [], [])
