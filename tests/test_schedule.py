"""The schedule file: what it takes, and that every fault is told at once with job, field and fix."""

from datetime import timedelta

import job_office
import pytest
import schedule_office
from job_office import JobOffice

from notebooks.runner.limits import Limits
from notebooks.schedule import FILE, inspect, read
from store.errors import SettingsError

PARAMETERS = """
days: int = 3  # any
score: float = 1.5  # any
name: str = "x"  # any
mode: str = "plan"  # how; one of: plan, book
dry_run: bool = True  # any
"""
HEAD = 'timezone = "Asia/Kolkata"\n[jobs.nightly]\n'
JOB = f'{HEAD}notebook = "small"\ncron = "30 7 * * *"\nwithin = "45m"\n'
OTHER = '[jobs.weekly]\nnotebook = "small"\ncron = "30 2 * * 0"\nwithin = "45m"\n'


@pytest.fixture
def office(tmp_path):
    """A folder with one notebook; nothing here looks at a record."""
    office = JobOffice(tmp_path, None, job_office.environment_of(tmp_path, "sqlite:///unused.db"))
    office.write("raise SystemExit('must not run')", parameters=PARAMETERS)
    return office


def faults(office, text):
    """The findings of a file that is refused: id and line."""
    with pytest.raises(SettingsError) as refused:
        schedule_office.read(office, text)
    assert all(finding.fix for finding in refused.value.findings)
    return {finding.id.removeprefix("schedule."): finding.line() for finding in refused.value.findings}


def test_a_job_has_its_notebook_parameters_times_and_limits(office):
    text = f"""{JOB}
        parameters = {{ days = 7, score = 8, name = "Asha Rao", mode = "book", dry_run = false }}
        timeout = "1h"
        cell_timeout = "90s"
        wait = "5m"
        """
    [job] = schedule_office.read(office, text).jobs
    assert (job.name, job.job.name, job.job.scheduled_as) == ("nightly", "small", "nightly")
    assert job.job.values == {"days": 7, "score": 8.0, "name": "Asha Rao", "mode": "book", "dry_run": False}
    assert (job.cron, job.zone, job.within) == ("30 7 * * *", "Asia/Kolkata", timedelta(minutes=45))
    assert job.limits == Limits(300, 3600, 90)


@pytest.mark.parametrize("name", ["delivery", "overdue", "portal"])
def test_a_job_may_not_have_the_name_of_the_installations_own_services(office, name):
    assert "choose another name" in faults(office, JOB.replace("nightly", name))[f"jobs.{name}"]


def test_a_job_without_parameters_and_limits_has_the_notebooks_own(office):
    [job] = schedule_office.read(office, JOB).jobs
    assert job.job.values["days"] == 3
    assert job.limits == Limits()


def test_every_fault_of_a_file_is_told_at_once(office):
    found = faults(office, """
        timezone = "Asia/Calcuttta"
        mail = true
        [jobs.nightly]
        notebook = "smal"
        cron = "30 25 * * *"
        within = "soon"
        tiemout = "1h"
        [jobs.Weekly]
        notebook = "small"
        parameters = { days = "7", day = 1 }
        """)  # fmt: skip
    assert found.keys() == {
        "timezone", "mail", "jobs.nightly.notebook", "jobs.nightly.cron", "jobs.nightly.within", "jobs.nightly.tiemout",
        "jobs.Weekly", "jobs.Weekly.cron", "jobs.Weekly.within", "jobs.Weekly.parameters.days",
        "jobs.Weekly.parameters.day",
    }  # fmt: skip
    assert "did you mean small?" in found["jobs.nightly.notebook"]
    assert "did you mean timeout?" in found["jobs.nightly.tiemout"]
    assert "did you mean days?" in found["jobs.Weekly.parameters.day"]


@pytest.mark.parametrize("value", ['"7"', "7.0", "true", "[7]", "2026-11-30", "{ a = 1 }", "1234567890123456789"])
def test_a_parameter_of_another_type_is_told_once(office, value):
    found = faults(office, f"{JOB}parameters = {{ days = {value} }}")
    assert list(found) == ["jobs.nightly.parameters.days"]


@pytest.mark.parametrize("given", ["name = 7", "name = true", "score = inf", "score = nan", 'mode = "other"',
                                   'dry_run = "false"', "dry_run = 0", 'log_file = "/tmp/x"'])  # fmt: skip
def test_nothing_is_guessed_of_a_parameter(office, given):
    assert list(faults(office, f"{JOB}parameters = {{ {given} }}")) == [f"jobs.nightly.parameters.{given.split()[0]}"]


def test_a_secret_is_refused_and_not_repeated(office):
    found = faults(office, f'{JOB}parameters = {{ smtp_password = "hunter2hunter2" }}')
    assert "set it in .env instead" in found["jobs.nightly.parameters.smtp_password"]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("zone", ['"+05:30"', '"Z"', '""', '"IST-5"', "5.5", "[]", '"../etc/passwd"', '"localtime"',
                                  '"Factory"', '"posixrules"', '"posix/Europe/Berlin"', '"right/UTC"',
                                  '"asia/kolkata"'])  # fmt: skip
def test_a_zone_is_a_name_that_every_scheduler_knows(office, zone):
    found = faults(office, JOB.replace('"Asia/Kolkata"', zone))
    assert list(found) == ["timezone"]
    assert "is no zone that all schedulers know. To fix: write a name like" in found["timezone"]


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "EST5EDT"])
def test_any_zone_of_the_iana_may_be_a_schedules(office, zone):
    assert schedule_office.read(office, JOB.replace("Asia/Kolkata", zone)).zone == zone


@pytest.mark.parametrize("field", ['within = "0s"', 'within = "9000h"', "within = 45"])
def test_lengths_that_cannot_be_are_refused(office, field):
    assert list(faults(office, JOB.replace('within = "45m"', field))) == ["jobs.nightly.within"]


def test_a_time_that_summer_time_skips_is_told_with_its_day_beside_what_else_is_wrong(office):
    text = (JOB + OTHER).replace("Asia/Kolkata", "Europe/Berlin").replace('small"\ncron = "30 2', 'smal"\ncron = "30 2')
    found = faults(office, text)
    assert found.keys() == {"jobs.weekly.notebook", "jobs.weekly.cron"}
    assert "2027-03-28 02:30 does not exist in Europe/Berlin" in found["jobs.weekly.cron"]
    assert "choose another time of day" in found["jobs.weekly.cron"]


def inspected(office, text):
    return inspect(schedule_office.write(office.folder, text), office.folder)


def test_a_job_that_is_wrong_leaves_the_others_right(office):
    known = inspected(office, f"mail = true\n{JOB}{OTHER.replace('45m', 'soon')}")
    assert [job.name for job in known.jobs] == ["nightly"]
    assert known.job("nightly").job.scheduled_as == "nightly"
    assert [finding.id for finding in known.findings] == ["schedule.mail", "schedule.jobs.weekly.within"]
    assert dict(known.crons) == {"nightly": "30 7 * * *", "weekly": "30 2 * * 0"}


def test_of_a_job_that_is_wrong_only_its_own_mistakes_are_told(office):
    known = inspected(office, JOB.replace("45m", "late") + OTHER.replace("45m", "soon"))
    with pytest.raises(SettingsError) as refused:
        known.job("weekly")
    assert [finding.id for finding in refused.value.findings] == ["schedule.jobs.weekly.within"]


@pytest.mark.parametrize(("text", "place"), [("[jobs", "schedule"),
                                             (JOB.replace("Asia/Kolkata", "Asia"), "schedule.timezone"),
                                             ('timezone = "UTC"', "schedule.jobs")])  # fmt: skip
def test_without_a_file_that_can_be_read_or_a_zone_no_job_is_right(office, text, place):
    known = inspected(office, text)
    assert known.jobs == ()
    with pytest.raises(SettingsError) as refused:
        known.job("nightly")
    assert [finding.id for finding in refused.value.findings] == [place]


def test_a_job_that_ran_for_years_is_not_wrong_once_the_clocks_come_to_skip_its_time(office):
    known = inspected(office, OTHER.replace("[jobs", 'timezone = "Europe/Berlin"\n[jobs'))
    assert (known.findings, known.job("weekly").cron) == ([], "30 2 * * 0")


@pytest.mark.parametrize(("text", "place"), [("", "timezone"), ('timezone = "UTC"', "jobs"), ("[jobs", "schedule"),
                                             ('timezone = "UTC"\njobs = 3', "jobs"), ("x = \x00", "schedule"),
                                             (f"x = {'[' * 9999}", "schedule"),
                                             ('timezone = "UTC"\n[jobs]\na = 1', "jobs.a")])  # fmt: skip
def test_what_is_no_schedule_is_refused(office, text, place):
    assert place in faults(office, text)


def test_a_file_that_is_not_there_or_no_text_is_told(office, tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name in ("none", "bytes", "."):
        with pytest.raises(SettingsError, match="To fix: "):
            read(tmp_path / name, schedule_office.NOW, office.folder)


def test_the_schedule_of_this_installation_is_right_and_books_nothing_as_shipped():
    known = read(FILE, schedule_office.NOW)
    assert known.zone == "Asia/Kolkata"
    assert all(job.job.values.get("dry_run", True) is True for job in known.jobs)
    assert all(job.limits.total for job in known.jobs)
    assert all(job.limits.total + job.limits.wait < job.within.total_seconds() for job in known.jobs)
