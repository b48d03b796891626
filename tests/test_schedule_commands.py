"""`python -m notebooks run --job`, `schedule`: what they say, start and write, and how they exit."""

from datetime import timedelta

import pytest
import schedule_office
from job_office import JobOffice

from notebooks import __main__ as command
from notebooks import job_listing
from notebooks.schedule import commands as schedule_commands
from store import times


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: what the engines do differently is in the tests of overdue jobs."""
    return sqlite_url


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    """An installation with one notebook, and a schedule that names it."""
    monkeypatch.setattr(times, "now", lambda: schedule_office.NOW)
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("print(number)", parameters="number: int = 1  # any\nname: str = ''  # any")
    schedule_office.write(tmp_path, schedule_office.JOB + 'parameters = { number = 7, name = "Asha Rao" }\nwait = "0s"')
    return office


@pytest.fixture
def said(office, capsys):
    """Runs a command with the test's schedule; gives exit code, output and errors."""

    def said(*arguments):
        code = command.main([*arguments, "--schedule", str(office.folder / "schedule.toml")], office.folder)
        told = capsys.readouterr()
        return code, told.out, told.err

    return said


def test_a_job_of_the_schedule_runs_with_its_parameters_and_is_recorded_as_such(said, office):
    assert said("run", "--job", "nightly")[0] == 0
    [row] = office.rows()
    assert (row.scheduled_as, row.parameters, row.outcome) == ("nightly", {"number": 7, "name": "Asha Rao"}, "done")
    assert " for nightly, " in job_listing.history(office.rows(), "here")


def test_a_check_tells_the_parameters_of_the_schedule(said, office):
    assert said("run", "--job", "nightly", "--check")[1].startswith(
        "small can be run with: number = 7, name = 'Asha Rao'\n"
    )
    assert office.rows() == []


@pytest.mark.parametrize("asked", [["run", "--job", "nightly"], ["schedule"], ["overdue"]])
@pytest.mark.parametrize("number", ['"correct horse battery"', '7\nname = "correct horse battery"'])
def test_a_secret_that_got_into_the_schedule_is_not_told(said, office, monkeypatch, asked, number):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct horse battery")
    schedule_office.write(office.folder, f"{schedule_office.JOB}[jobs.nightly.parameters]\nnumber = {number}\n")
    _, out, errors = said(*asked)
    assert "horse" not in out + errors


def test_limits_of_the_command_line_go_before_those_of_the_schedule(office):
    options = command._options(["run", "--job", "nightly", "--timeout", "5"])
    options.folder, options.schedule = office.folder, str(office.folder / "schedule.toml")
    job = schedule_commands.job_of(options)
    assert schedule_commands.limits_of(options, job).total == 5
    options.timeout = None
    assert schedule_commands.limits_of(options, job) == job.limits


def test_an_unknown_job_is_told_with_the_nearest(said):
    code, _, err = said("run", "--job", "nightyl")
    assert code == 2
    assert "has no job 'nightyl'. To fix: did you mean nightly?" in err


OTHER = '[jobs.weekly]\nnotebook = "small"\ncron = "0 2 * * 0"\nwithin = "45m"\n'


def test_nothing_is_written_for_schedulers_from_a_schedule_with_any_mistake(said, office):
    schedule_office.write(office.folder, schedule_office.JOB + OTHER.replace("45m", "soon"))
    for arguments in ((), ("--cron",), ("--systemd", str(office.folder / "units"))):
        code, out, err = said("schedule", *arguments)
        assert (code, out) == (2, "")
        assert "[schedule.jobs.weekly.within]" in err
    assert not (office.folder / "units").exists()


def test_a_job_runs_whatever_is_wrong_with_another_and_not_if_it_is_wrong_itself(said, office):
    schedule_office.write(office.folder, f"mail = true\n{schedule_office.JOB}{OTHER.replace('45m', 'soon')}")
    assert said("run", "--job", "nightly", "--check")[0] == 0
    code, out, err = said("run", "--job", "weekly")
    assert (code, out) == (2, "")
    assert "[schedule.jobs.weekly.within]" in err
    assert office.rows() == []


def test_no_job_runs_if_the_file_cannot_be_read_or_has_no_zone(said, office):
    for text in ("[jobs.nightly", schedule_office.JOB.replace("Asia/Kolkata", "localtime")):
        schedule_office.write(office.folder, text)
        code, _, err = said("run", "--job", "nightly", "--check")
        assert (code, err.count("\n")) == (2, 1)
        assert "[schedule" in err


def test_a_time_that_the_clocks_skip_is_refused_for_schedulers_files_and_runs_on_where_it_was_scheduled(said, office):
    schedule_office.write(office.folder, (schedule_office.JOB + OTHER).replace("Asia/Kolkata", "Europe/Berlin"))
    code, _, err = said("schedule", "--cron")
    assert code == 2
    assert "2027-03-28 02:00 does not exist in Europe/Berlin" in err
    assert said("run", "--job", "weekly", "--check")[0] == 0
    assert said("overdue")[1].startswith("Nothing is overdue.\n")


def test_who_asks_whether_a_job_is_due_never_waits_and_starts_it_once_more(office):
    [job] = schedule_office.read(office, f'{schedule_office.JOB}wait = "5m"\n').jobs
    due, at_will = (command._options(["run", "--job", "nightly", *more]) for more in (["--due"], []))
    assert [schedule_commands.limits_of(asked, job).wait for asked in (due, at_will)] == [0, 300]


@pytest.mark.parametrize("arguments", [["run"], ["run", "small", "--due"], ["run", "small", "--job", "nightly"],
                                       ["run", "--job", "nightly", "number=1"], ["run", "small", "--schedule", "x"],
                                       ["schedule", "--cron", "--systemd", "x"], ["overdue", "nightly"]])  # fmt: skip
def test_options_that_do_not_go_together_exit_with_2(office, arguments):
    with pytest.raises(SystemExit) as exited:
        command.main(arguments, office.folder)
    assert exited.value.code == 2


def test_a_notebook_named_after_its_options_is_found(office, capsys):
    assert command.main(["run", "--wait", "0", "--check", "small", "number=2"], office.folder) == 0
    assert capsys.readouterr().out.startswith("small can be run with: number = 2")


def starts_when(office, monkeypatch, now, text=schedule_office.JOB):
    """Whether a scheduler that asks at this time would start the job; nothing is run."""
    monkeypatch.setattr(times, "now", lambda: now)
    return schedule_commands.is_due(office.db, schedule_office.read(office, text).job("nightly"))


def test_a_job_is_started_once_for_each_of_its_times(office, monkeypatch):
    due_at = schedule_office.NOW.replace(hour=2)
    # Known in the schedule since long before.
    assert not starts_when(office, monkeypatch, due_at - timedelta(hours=20))
    assert not starts_when(office, monkeypatch, due_at - timedelta(seconds=1))
    assert starts_when(office, monkeypatch, due_at)
    # A machine that was off makes up for it until the deadline.
    assert starts_when(office, monkeypatch, due_at + timedelta(minutes=44))
    assert not starts_when(office, monkeypatch, due_at + timedelta(minutes=45))
    schedule_office.past_run(office, due_at + timedelta(seconds=1), "failed")
    assert not starts_when(office, monkeypatch, due_at + timedelta(minutes=15))


@pytest.mark.parametrize(("artefacts", "starts"), [({}, True), (schedule_office.LOG, False)])
def test_a_job_that_was_refused_for_its_settings_is_started_when_they_are_right(office, monkeypatch, artefacts, starts):
    due_at = schedule_office.NOW.replace(hour=2)
    assert not starts_when(office, monkeypatch, due_at - timedelta(hours=20))
    schedule_office.past_run(office, due_at + timedelta(seconds=1), "wrong_settings", artefacts=artefacts)
    assert starts_when(office, monkeypatch, due_at + timedelta(minutes=15)) is starts
    if starts:
        schedule_office.past_run(office, due_at + timedelta(seconds=2), "failed")
        schedule_office.past_run(office, due_at + timedelta(seconds=3), "wrong_settings", artefacts={})
        assert not starts_when(office, monkeypatch, due_at + timedelta(minutes=15))


def test_a_job_whose_parameter_holds_a_secret_is_told_as_a_mistake_of_the_schedule(said, office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "a-known-password")
    office.write("1", parameters='note: str = ""  # any')
    schedule_office.write(office.folder, f'{schedule_office.JOB}parameters = {{ note = "a-known-password" }}\n')
    for arguments in (["schedule"], ["run", "--job", "nightly", "--check"], ["overdue"]):
        code, _, err = said(*arguments)
        assert (code, "a-known" in err) == (2, False)
        assert (
            "[schedule.jobs.nightly.parameters.note] note holds a secret of the settings (EMAIL_HOST_PASSWORD)" in err
        )


DUE = schedule_office.NOW.replace(hour=2)


@pytest.mark.parametrize(("late", "starts"), [({"seconds": 0.4}, True), ({"minutes": 15}, True),
                                              ({"minutes": 15, "seconds": 1}, False),
                                              ({"minutes": 40}, False)])  # fmt: skip
def test_a_job_that_is_seen_first_soon_after_its_time_is_started_and_a_later_one_waits(
    office, monkeypatch, late, starts
):
    assert starts_when(office, monkeypatch, DUE + timedelta(**late)) is starts
    # The next look is not the first.
    assert starts_when(office, monkeypatch, DUE + timedelta(minutes=42)) is starts


def test_a_job_that_is_moved_and_moved_back_waits_for_its_next_time(office, monkeypatch):
    assert not starts_when(office, monkeypatch, DUE - timedelta(hours=20))
    moved = schedule_office.JOB.replace("30 7", "0 6")
    assert not starts_when(office, monkeypatch, DUE - timedelta(hours=1), moved)
    assert not starts_when(office, monkeypatch, DUE + timedelta(minutes=16))
    assert starts_when(office, monkeypatch, DUE + timedelta(days=3))


def test_what_is_not_due_starts_nothing_and_says_nothing(said, office):
    assert said("run", "--job", "nightly", "--due") == (0, "", "")
    assert office.rows() == []


def test_the_list_tells_the_next_times_in_the_schedules_zone(said):
    code, out, _ = said("schedule")
    assert code == 0
    assert (
        "nightly  30 7 * * 1-5  Mon 2026-11-30 07:30  Tue 2026-12-01 07:30  45m     small number=7 name='Asha Rao'"
        in out
    )
    assert out.endswith("Times are those of Asia/Kolkata.\n")


def test_the_cron_file_names_every_job_and_another_schedule(said, office):
    code, out, _ = said("schedule", "--cron", "--folder", "/srv/ops", "--user", "ops")
    path = office.folder / "schedule.toml"
    command = f"cd /srv/ops && /srv/ops/.venv/bin/python -m notebooks run --job nightly --schedule {path} --due"
    assert code == 0
    assert f"\n0,15,30,45 * * * * ops {command} >>var/cron.log 2>&1\n" in out


def test_units_are_written_and_those_of_a_job_that_is_gone_are_told(said, office):
    folder = office.folder / "units"
    folder.mkdir()
    (folder / "interview-ops-old.timer").write_text("")
    (folder / "interview-ops-nightly.service.d").mkdir()
    code, out, _ = said("schedule", "--systemd", str(folder))
    assert code == 0
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 07:30:00 Asia/Kolkata\n" in (
        folder / "interview-ops-nightly.timer").read_text()  # fmt: skip
    assert out.count("of no job") == out.count("systemctl disable --now interview-ops-old.timer") == 1
    assert said("schedule", "--systemd", str(office.folder / "schedule.toml"))[0] == 2


@pytest.mark.parametrize("given", [("--folder", "opt"), ("--folder", "/opt/in terview"), ("--folder", "/opt/%n"),
                                   ("--user", "o ps"), ("--user", "root\n* * * * * root x")])  # fmt: skip
def test_what_would_break_a_schedulers_file_is_refused(said, given):
    code, _, err = said("schedule", "--cron", *given)
    assert code == 2
    assert "To fix: " in err
