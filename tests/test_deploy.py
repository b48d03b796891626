"""The files in deploy/: that they say what the schedule says, that systemd takes them, and what each line of them runs."""

import re
import shlex
import shutil
import signal
import subprocess
from dataclasses import replace

import installed_here
import pytest
from conftest import need
from waiting import wait_until

from notebooks.schedule import FILE, cron_file, read, units
from notebooks.schedule.installation import Installation
from store import database, job_runs, places, times

DEPLOY = places.ROOT / "deploy"
JOBS = [job.name for job in read(FILE, times.now()).jobs]


@pytest.fixture
def known():
    return read(FILE, times.now())


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough installed: it is about the commands, not about the record."""
    return sqlite_url


@pytest.fixture
def installed(tmp_path, record_url):
    """This checkout as an installation of its own, with a record, a mailbox and a port for the portal."""
    return installed_here.make(tmp_path, record_url)


@pytest.fixture
def services(known, installed):
    """The units' files in a folder, and each service's command and folder as systemd would run it."""
    found = units.files(known, Installation(str(installed.folder), "root"))
    folder = installed.folder / "units"
    folder.mkdir()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_notebooks_title_stays_one_line_of_its_unit(known, installed):
    job = known.jobs[0]
    sheet = replace(job.job.sheet, title="50% done\r[Service]\nExecStartPre=/bin/false \\")
    odd = replace(known, jobs=(replace(job, job=replace(job.job, sheet=sheet)),))
    text = units.files(odd, Installation(str(installed.folder), "root"))["interview-ops-mail-check.service"]
    described = [line for line in text.splitlines() if line.startswith("Description=")]
    assert described == ["Description=Interview Ops: mail_check (50%% done/r[Service]/nExecStartPre=/bin/false /)"]
    assert text.splitlines().count("[Service]") == 1


def start(installed, services, name):
    """Starts a service's command as its unit has it: its folder, nothing of this shell, and the settings' file."""
    text = (services / f"interview-ops-{name}.service").read_text(encoding="utf-8")
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return subprocess.Popen(shlex.split(told["ExecStart"]), cwd=told["WorkingDirectory"], env=installed.environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def run(installed, services, name):
    """Runs a service's command to its end; gives its exit code and all that it said."""
    with start(installed, services, name) as process:
        said, _ = process.communicate(timeout=120)
    return process.returncode, said


def test_the_files_are_what_the_schedule_gives(known):
    fix = "run `make schedule`"
    at = Installation()
    assert (DEPLOY / "cron.d" / "interview-ops").read_text(encoding="utf-8") == cron_file.text(known, at), fix
    written = {path.name: path.read_text(encoding="utf-8") for path in (DEPLOY / "systemd").iterdir()}
    assert written == units.files(known, at), fix


def test_systemd_takes_every_unit(services):
    program = shutil.which("systemd-analyze")
    need(program, "no systemd-analyze on this machine (apt install systemd)")
    command = [program, "verify", "--man=no", "--recursive-errors=no", *sorted(services.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_every_timer_has_its_service_and_every_job_both(services):
    names = {path.name for path in services.iterdir()}
    assert {f"interview-ops-{job.replace('_', '-')}.{kind}" for job in JOBS for kind in ("service", "timer")} < names
    assert {name.replace(".timer", ".service") for name in names} < names


def test_a_service_is_given_more_time_to_stop_than_a_run_takes(known):
    from notebooks.runner.watch import GRACE_SECONDS

    texts = [text for name, text in units.files(known, Installation()).items() if name.endswith(".service")]
    assert all(f"TimeoutStopSec={units.STOP_SECONDS}\n" in text for text in texts)
    assert units.STOP_SECONDS > 2 * GRACE_SECONDS + 15


def test_cron_takes_every_line(known):
    lines = [line for line in cron_file.text(known, Installation()).splitlines() if line and not line.startswith("#")]
    names = [line.split("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)]
    assert names == ["SHELL", "PATH", "MAILTO", "JOB_STARTED_BY"]
    # Longer lines, and a bare %, are what cron does not take.
    assert all(len(line) < 1000 and "%" not in line for line in lines)
    assert all(line.split()[1:6] == ["*", "*", "*", "*", "interview-ops"] for line in lines[len(names) :])


def test_the_look_for_overdue_jobs_runs_as_written(installed, services):
    code, told = run(installed, services, "overdue")
    assert (code, told.splitlines()[0]) == (0, "Nothing is overdue.")
    # Which record it looked into, for nothing ran there yet.
    assert re.search(r"^No run is recorded in \S+\. To fix: if jobs have run here before, ", told, re.MULTILINE)


@pytest.mark.parametrize(("name", "sign"), [("portal", "READY "), ("delivery", "")])
def test_a_lasting_service_runs_as_written_until_it_is_stopped(installed, services, name, sign):
    with start(installed, services, name) as process:
        if sign:
            assert process.stdout.readline().startswith(sign)
        else:
            wait_until(lambda: installed.catches_sigterm(process.pid))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_lasting_service_with_wrong_settings_ends_with_the_code_that_it_is_not_started_again_for(installed, services):
    installed.environment["PORTAL_PORT"] = "eighty"
    assert run(installed, services, "portal")[0] == 2
    assert "RestartPreventExitStatus=2\n" in (services / "interview-ops-portal.service").read_text(encoding="utf-8")


@pytest.mark.long
def test_every_jobs_command_runs_as_written_and_ends_well(installed, services):
    with start(installed, services, "portal") as portal:
        assert portal.stdout.readline().startswith("READY ")
        ended = {job: run(installed, services, job.replace("_", "-")) for job in JOBS}
        portal.send_signal(signal.SIGTERM)
        portal.communicate(timeout=60)
    assert {job: code for job, (code, _) in ended.items()} == dict.fromkeys(JOBS, 0), ended
    db = database.open_record(installed.environment["DATABASE_URL"])
    rows = job_runs.read(db)
    db.close()
    assert {(row.scheduled_as, row.outcome) for row in rows} == {(job, "done") for job in JOBS}
