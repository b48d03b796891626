"""A real cron with the schedule's file: what it starts, in a zone that is not the machine's. It waits for a minute."""

import os
import shutil
import signal
import subprocess
from datetime import timedelta

import installed_here
import pytest
import schedule_office
from conftest import need
from job_office import JobOffice
from waiting import wait_until

from notebooks import schedule
from notebooks.schedule import cron_file
from notebooks.schedule.installation import Installation
from store import times

SCHEDULE = """
timezone = "{zone}"
[jobs.every_minute]
notebook = "review"
parameters = {{ days = 7 }}
cron = "* * * * *"
within = "10m"
[jobs.other_hour]
notebook = "review"
parameters = {{ days = 8 }}
cron = "* {hour} * * *"
within = "1m"
"""
OTHERS = "mount --bind {0}/cron.d /etc/cron.d && mount --bind {0}/spool /var/spool/cron && mount --bind {0}/run /run"
"""Hides, from this cron alone, what the machine's own cron would run, and its own note of who runs."""


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: it is about cron."""
    return sqlite_url


@pytest.fixture
def office(db, tmp_path, record_url):
    """An installation, and where its record is looked at."""
    return JobOffice(tmp_path, db, installed_here.make(tmp_path, record_url).environment)


@pytest.fixture
def cron(tmp_path):
    """Starts a cron of the test's own for this file's text."""
    program = shutil.which("cron")
    need(program, "no cron on this machine (apt install cron)")
    need(os.geteuid() == 0, "cron can be started by root only")
    for name in ("cron.d", "spool/crontabs", "run"):
        (tmp_path / name).mkdir(parents=True)
    hidden = OTHERS.format(tmp_path)
    alone = subprocess.run(["unshare", "--mount", "sh", "-c", hidden], capture_output=True, text=True, timeout=30)
    need(alone.returncode == 0, f"no mounts of one's own are allowed here: {alone.stderr.strip()}")
    started = []

    def cron(text):
        path = tmp_path / "cron.d" / "interview-ops"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        shell = ["unshare", "--mount", "sh", "-c", f"{hidden} && exec {program} -f"]
        environment = {"PATH": os.environ["PATH"], "TZ": "America/St_Johns"}
        started.append(subprocess.Popen(shell, env=environment, start_new_session=True))
        return started[0]

    yield cron
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_cron_starts_what_is_due_in_the_schedules_zone_and_only_that(office, cron):
    other_hour = times.in_zone(times.now() - timedelta(hours=3), "Asia/Kolkata").hour
    path = schedule_office.write(office.folder, SCHEDULE.format(zone="Asia/Kolkata", hour=other_hour))
    known = schedule.read(path, times.now())
    text = cron_file.text(known, Installation(str(office.folder / "opt"), "root", path))
    own = "".join(f'{name}="{value}"\n' for name, value in office.environment.items() if name not in ("PATH", "HOME"))
    process = cron(own + text)
    wait_until(lambda: any(row.outcome == "done" for row in office.rows()), seconds=240)
    assert process.poll() is None
    assert {row.scheduled_as for row in office.rows()} == {"every_minute"}
    done = next(row for row in office.rows() if row.outcome == "done")
    assert (done.started_by, done.parameters["days"]) == ("cron", 7)
    log = office.folder / "opt" / "var" / "cron.log"
    # It is in the record first, and said then.
    wait_until(lambda: "review: done (exit code 0)" in log.read_text(encoding="utf-8"))
    assert "Traceback" not in log.read_text(encoding="utf-8")
