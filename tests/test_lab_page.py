"""What start_here.ipynb shows: every notebook with its last run, and the state of the installation, whatever it is in."""

import html
import re

import job_office
import pytest

from mailer import portal_process
from notebooks import jobs
from notebooks.lab import landing, standing, words
from store import accounts, database, job_runs, record_copies, scheduled_jobs, times
from store.database import execute
from store.job_runs import JobEnd, JobStart
from store.settings import Settings


@pytest.fixture
def settings_of(tmp_path, monkeypatch):
    """Sets an installation's settings; `changes` win."""

    def settings_of(url, **changes):
        own = {"BACKEND_URL": "http://127.0.0.1:9"}
        for name, value in {**job_office.environment_of(tmp_path, url), **own, **changes}.items():
            monkeypatch.setenv(name, value)

    return settings_of


def line(seen, about):
    """The first line about something."""
    return next(line for line in seen.lines if line.about == about)


def text(shown):
    return html.unescape(re.sub(r"<[^>]+>", " ", shown.data))


def run_of(db, notebook, outcome, code, message=""):
    run_id = job_runs.begin(db, JobStart(f"run-{notebook}", notebook, notebook, {}, "cron", "ops", "here", 1, "v1"))
    job_runs.finish(db, run_id, JobEnd(outcome, code, message))


def test_every_notebook_stands_in_the_table_with_what_it_changes(settings_of, tmp_path):
    settings_of(f"sqlite:///{tmp_path}/none.db")
    shown = text(landing.tasks(standing.Seen()))
    for name in jobs.names():
        if name != landing.THIS:
            assert f" {name} " in shown
            assert words.part(jobs.sheet(name), "What it changes").replace("`", "")[:20] in shown.replace("  ", " ")


def test_every_notebook_has_its_task_and_every_task_its_notebook():
    assert {name for _, name in landing.TASKS} == set(jobs.names()) - {landing.THIS}


def test_a_notebook_without_a_task_is_listed_by_its_title(monkeypatch):
    monkeypatch.setattr(landing, "TASKS", landing.TASKS[:1])
    assert ("Review completed interviews", "review") in landing.listed()


def test_where_there_is_no_record_none_is_made_and_nothing_fails(settings_of, tmp_path):
    settings_of(f"sqlite:///{tmp_path}/none.db")
    seen = standing.look()
    assert line(seen, "Record").seen == "there is none yet; the first run of a notebook makes it"
    assert not (tmp_path / "none.db").exists()
    assert "not yet" in text(landing.tasks(seen))
    assert "sandbox" in text(standing.state(seen))


def test_a_record_of_an_earlier_version_is_told_as_one_that_a_run_upgrades(settings_of, tmp_path):
    settings_of(url := f"sqlite:///{tmp_path}/earlier.db")
    db = database.open_record(url)
    execute(db, "DELETE FROM schema_migration WHERE name = '0007_schedules'")
    # As that version knew no schedules.
    execute(db, "DROP TABLE scheduled_job")
    db.close()
    seen = standing.look()
    assert line(seen, "Record") == standing._OTHER_RECORD


def test_the_last_run_of_each_notebook_and_what_failed_are_told(db, record_url, settings_of):
    settings_of(record_url)
    run_of(db, "review", "done", 0)
    run_of(db, "load_questions", "failed", 1, "One row cannot be used. To fix: correct <line 3>.\nmore")
    seen = standing.look()
    assert line(seen, "Record").seen == "is there; 2 notebooks ran as jobs"
    told = next(one for one in seen.lines if one.about == "Jobs")
    assert told.seen == "the last run of load_questions ended: failed. One row cannot be used."
    assert told.fix == "correct <line 3>."
    assert "correct &lt;line 3&gt;." in standing.state(seen).data
    shown = text(landing.tasks(seen))
    started = times.from_epoch(seen.runs["review"].started_at)
    assert times.moment_words(started, "Asia/Kolkata") in shown
    assert (shown.count("done"), shown.count("failed")) == (1, 2)


def test_looking_writes_nothing(db, record_url, settings_of):
    settings_of(record_url)
    run_of(db, "review", "done", 0)
    before = (record_copies.fingerprints(db), database.fetch(db, "SELECT count(*) FROM scheduled_job"))
    standing.look()
    assert (record_copies.fingerprints(db), database.fetch(db, "SELECT count(*) FROM scheduled_job")) == before


def test_a_record_of_an_older_version_is_told_and_left_as_it_is(settings_of, tmp_path):
    db = database.connect(f"sqlite:///{tmp_path}/interviews.db")
    execute(db, "CREATE TABLE meta (name TEXT, value TEXT)")
    settings_of(f"sqlite:///{tmp_path}/interviews.db")
    assert line(standing.look(), "Record").state != standing.OK
    assert db.get_tables() == ["meta"]
    db.close()


@pytest.fixture
def late(db, record_url, settings_of, tmp_path, monkeypatch):
    """A job of the schedule that is known since long ago, and never ran."""
    settings_of(record_url)
    path = tmp_path / "schedule.toml"
    path.write_text('timezone = "Asia/Kolkata"\n[jobs.proof]\nnotebook = "review"\ncron = "0 7 * * *"\nwithin = "1m"\n')
    monkeypatch.setattr(standing.schedule, "FILE", path)
    [job] = standing.schedule.read(path, times.now()).jobs
    return lambda: scheduled_jobs.first_seen(db, job.schedule, {job.name: job.timing}, 0.0)


def test_an_overdue_job_is_told_once_somebody_looks_after_the_schedule(late, db):
    assert [one for one in standing.look().lines if one.about == "Jobs"] == []
    late()
    assert "overdue" in line(standing.look(), "Jobs").seen
    [told] = standing._overdue(db)
    assert told.seen.startswith("proof is overdue, since ")
    assert "python -m notebooks run --job proof" in told.fix


def test_a_wrong_job_of_the_schedule_is_told_beside_the_overdue_ones(late):
    late()
    with open(standing.schedule.FILE, "a") as schedule:
        schedule.write('[jobs.other]\nnotebook = "reviw"\ncron = "0 7 * * *"\nwithin = "1m"\n')
    told = [one.seen for one in standing.look().lines if one.about == "Jobs"]
    assert len(told) == 2
    assert "'reviw'" in told[0]
    assert told[1].startswith("proof is overdue, since ")


def test_wrong_settings_are_all_told_and_end_the_look(settings_of, tmp_path):
    settings_of(f"sqlite:///{tmp_path}/none.db", PORTAL_PORT="eighty", BACKEND_URL="nowhere")
    seen = standing.look()
    assert [one.about for one in seen.lines] == ["Settings", "Settings"]
    assert all(one.fix for one in seen.lines)
    assert "not yet" not in text(landing.tasks(seen))
    assert "not known" in text(landing.tasks(seen))


@pytest.mark.parametrize("url", ["mysql://x", "postgresql://nobody:secret-word@127.0.0.1:9/none"])
def test_a_record_that_cannot_be_read_is_told_without_its_password(settings_of, url):
    settings_of(url)
    seen = standing.look()
    assert line(seen, "Record").state == standing.WRONG
    assert line(seen, "Record").fix
    assert "secret-word" not in standing.state(seen).data


def test_mail_that_is_not_set_up_is_told_with_the_first_thing_to_do(settings_of, tmp_path):
    settings_of(f"sqlite:///{tmp_path}/none.db", EMAIL_BACKEND="")
    told = line(standing.look(), "Mail")
    assert (told.state, "EMAIL_BACKEND" in told.seen + told.fix) == (standing.WRONG, True)


def test_a_paused_account_is_told_with_what_lifts_it(db, record_url, settings_of):
    server = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": "2525", "DEFAULT_FROM_EMAIL": "interviews@acme.org"}
    settings_of(record_url, EMAIL_BACKEND="smtp", EMAIL_AUTH="none", **server)
    assert line(standing.look(), "Mail").state == standing.OK
    fingerprint = standing.check(standing.MailSettings.load(), Settings.load()).account.fingerprint
    accounts.pause(db, fingerprint, signature="x", reason="The login is refused.", fix="correct it.", now=1.0)
    told = line(standing.look(), "Mail")
    assert (told.state, told.seen, told.fix) == (standing.WRONG, "paused: The login is refused.", "correct it.")


def test_a_portal_that_answers_is_told_and_one_that_does_not(settings_of, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/interviews.db"
    settings_of(url)
    assert line(standing.look(), "Portal").state == standing.LOOK
    with portal_process.running(job_office.environment_of(tmp_path, url)) as address:
        monkeypatch.setenv("BACKEND_URL", address)
        assert line(standing.look(), "Portal").state == standing.OK


def test_where_the_form_cannot_be_shown_one_line_says_why(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert "make lab" in text(landing.form())
    monkeypatch.setenv("JPY_SESSION_NAME", "x")
    monkeypatch.setattr(landing.importlib.util, "find_spec", lambda name: None)
    assert "needs ipywidgets. To fix: " in text(landing.form())
