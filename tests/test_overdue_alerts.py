"""Overdue jobs told to ops by mail, on both engines: each once, and never at the cost of the answer itself."""

import threading
from datetime import timedelta

import job_office
import pytest
import schedule_office
from job_office import JobOffice
from schedule_office import past_run

from notebooks import __main__ as command
from notebooks.runner import unrecorded
from notebooks.runner.run_files import RunFiles
from notebooks.schedule import commands, overdue
from store import alerts, times
from store.database import fetch
from store.job_runs import JobEnd
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


QUARTERLY = schedule_office.JOB.replace("30 7 * * 1-5", "*/15 * * * *").replace("45m", "1m")


def test_a_job_that_misses_time_after_time_is_mailed_once_an_hour(look, office):
    schedule_office.write(office.folder, QUARTERLY)
    overdue.find(office.db, schedule_office.read(office, QUARTERLY), LATE - timedelta(days=1))
    for minutes in (0, 15, 30, 45, 60, 75):
        look(LATE + timedelta(minutes=minutes))
    assert [key.partition(":")[0] for key, _ in queued(office)] == ["overdue", "overdue"]
    assert len(mails(office)) == 2


def test_a_mail_that_could_not_go_at_the_first_time_that_was_missed_goes_with_the_next(look, office, monkeypatch):
    schedule_office.write(office.folder, QUARTERLY)
    overdue.find(office.db, schedule_office.read(office, QUARTERLY), LATE - timedelta(days=1))
    with monkeypatch.context() as away:
        away.setenv("EMAIL_BACKEND", "smtp")
        look()
    assert look(LATE + timedelta(minutes=15)) == (1, "")
    assert ([state for _, state in queued(office)], len(mails(office))) == (["sent"], 1)


def test_a_run_that_ended_well_while_the_record_was_away_is_not_mailed_as_died(look, office):
    past_run(office, DUE, "done")
    row = past_run(office, DUE + timedelta(minutes=1), "died", scheduled_as="")
    files = RunFiles(office.runs / row.notebook, row.name)
    files.folder.mkdir(parents=True)
    unrecorded.keep(files, JobEnd("done", 0, peak_memory=7))
    assert look() == (0, "")
    assert queued(office) == []
    [told] = [one for one in office.rows() if one.name == row.name]
    assert (told.outcome, told.exit_code, told.peak_memory) == ("done", 0, 7)


def test_a_run_that_failed_while_the_record_was_away_is_mailed_with_its_own_words(look, office):
    past_run(office, DUE, "done")
    row = past_run(office, DUE + timedelta(minutes=1), "died", scheduled_as="")
    files = RunFiles(office.runs / row.notebook, row.name)
    files.folder.mkdir(parents=True)
    files.log.touch()
    unrecorded.keep(files, JobEnd("failed", 1, "3 rows are refused. To fix: correct them."))
    assert look() == (0, "")
    [mail] = mails(office)
    assert "To fix: correct them." in mail
    assert "3 rows are refused." in mail


def test_a_dead_folder_of_runs_keeps_nobody_from_hearing_what_is_overdue(look, office, monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(unrecorded, "record_all", lambda *_: is_over.wait(60))
    monkeypatch.setattr(commands, "_UNRECORDED_SECONDS", 0.3)
    assert look() == (1, "")
    assert len(mails(office)) == 1
    is_over.set()


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


def test_a_mail_goes_out_though_the_disk_for_what_is_said_is_full(look, office, monkeypatch):
    with monkeypatch.context() as patched, open("/dev/full", "w") as full:
        patched.setattr("sys.stdout", full)
        assert look()[0] == 1
    assert len(mails(office)) == 1


def test_what_is_overdue_is_mailed_though_a_setting_is_wrong(look, office, monkeypatch):
    monkeypatch.setenv("INTERVIEW_OPENS_BEFORE", "soon")
    code, err = look()
    assert (code, err.count("INTERVIEW_OPENS_BEFORE='soon' is not a whole number")) == (2, 1)
    assert [state for _, state in queued(office)] == ["sent"]


def test_without_an_address_nothing_is_mailed_and_the_answer_is_the_same(look, office, monkeypatch):
    monkeypatch.delenv("OPS_EMAIL")
    code, _ = look()
    assert (code, mails(office), queued(office)) == (1, [], [])


def plain(mail):
    """A mail's words without the breaks of its encoding."""
    return mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")


WRONG = schedule_office.JOB.replace("45m", "soon").replace("30 7", "30 25")


def test_a_schedule_that_is_wrong_is_mailed_once_with_every_mistake_and_what_to_do_first(look, office):
    schedule_office.write(office.folder, WRONG)
    code, err = look()
    assert (code, look(LATE + timedelta(days=7))[0], err.count("[schedule.jobs.nightly.")) == (2, 2, 2)
    [mail] = map(plain, mails(office))
    assert "\nTo fix: write a length of time such as" in mail.replace("\r", "")
    assert "[schedule.jobs.nightly.within] within = 'soon' is no length of time" in mail
    assert "[schedule.jobs.nightly.cron] cron = '30 25 * * 1-5' is no cron expression" in mail
    assert [state for _, state in queued(office)] == ["sent"]


def test_other_mistakes_or_another_file_with_the_same_are_another_mail(look, office):
    schedule_office.write(office.folder, WRONG)
    look()
    schedule_office.write(office.folder, WRONG.replace("30 25", "30 7"))
    look()
    assert len(mails(office)) == 2
    (office.folder / "other").mkdir()
    path = schedule_office.write(office.folder / "other", WRONG)
    command.main(["overdue", "--mail", "--schedule", str(path)], office.folder)
    assert len(mails(office)) == 3


@pytest.mark.parametrize("broken", [None, "[jobs", "", "mail = 1"])
def test_a_schedule_that_cannot_be_read_is_mailed(look, office, broken):
    if broken is None:
        (office.folder / "schedule.toml").unlink()
    else:
        schedule_office.write(office.folder, broken)
    assert look()[0] == look()[0] == 2
    [mail] = map(plain, mails(office))
    assert "The schedule is wrong: " in mail
    assert "- Jobs that are watched: none" in mail


def test_a_mistake_hides_no_overdue_job_and_no_run_that_died(look, office):
    schedule_office.write(office.folder, f'{schedule_office.JOB}[jobs.weekly]\nnotebook = "small"\n')
    past_run(office, DUE - timedelta(days=1), "died", scheduled_as="")
    assert look()[0] == 2
    assert [key.partition(":")[0] for key, _ in queued(office)] == ["overdue", "run", "schedule"]
    assert len(mails(office)) == 3


def test_hundreds_of_mistakes_are_one_mail_that_says_how_many_there_are(look, office):
    wrong = "".join(f'[jobs.job{number}]\nnotebook = "small"\nwithin = "1m"\n' for number in range(300))
    schedule_office.write(office.folder, f'timezone = "UTC"\n{wrong}')
    assert look()[0] == 2
    [mail] = map(plain, mails(office))
    assert "- Mistake 20: [schedule.jobs.job19.cron]" in mail
    assert "- More mistakes: 280, told by: python -m notebooks schedule" in mail


def test_a_mistake_with_a_secret_or_an_address_in_it_is_mailed_without_it(look, office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-battery")
    parameters = 'parameters = { number = "correct-horse-battery", number2 = "https://example.com/" }\n'
    schedule_office.write(office.folder, f'{schedule_office.JOB}{parameters}"https://example.com/a" = 1\n')
    look()
    [mail] = map(plain, mails(office))
    assert "schedule.jobs.nightly.parameters.number" in mail
    assert "correct-horse" not in mail
    assert "https://" not in mail


def test_without_an_address_stderr_says_that_nobody_is_told_of_a_wrong_schedule(look, office, monkeypatch):
    monkeypatch.delenv("OPS_EMAIL")
    schedule_office.write(office.folder, WRONG)
    code, errors = look()
    assert (code, errors.count("To fix: set OPS_EMAIL in .env")) == (2, 1)
    assert queued(office) == []
