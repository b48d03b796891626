"""The Airflow DAGs under a real Airflow: what they start, when, and what becomes of each exit code of the runner.

It needs the virtual environment that `make airflow` makes.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from itertools import islice
from pathlib import Path

import installed_here
import pytest
from conftest import need
from waiting import wait_until

from notebooks.schedule import FILE, due, read
from store import database, job_runs, places, times

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
DAGS = places.ROOT / "deploy" / "airflow" / "interview_ops.py"
PROGRAMS = places.ROOT / ".venv-airflow" / "bin"
TELL = """
import json, runpy, sys
from datetime import datetime
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.sdk import DAG
import pendulum
from airflow.timetables.trigger import CronTriggerTimetable

def following(dag, count):
    given, now = dag.timetable, pendulum.parse(sys.argv[2])
    timetable, last, found = CronTriggerTimetable(given.expression, timezone=given.timezone), None, []
    for _ in range(count):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=TimeRestriction(now, None, True))
        last, found = info.data_interval, [*found, info.run_after.in_timezone("UTC").isoformat()]
    return found

def told(dag):
    [task] = dag.tasks
    limit = task.execution_timeout and task.execution_timeout.total_seconds()
    return {"times": following(dag, 8), "most": dag.max_active_runs, "catchup": dag.catchup, "retries": task.retries,
            "limit": limit}

dags = {name: dag for name, dag in runpy.run_path(sys.argv[1]).items() if isinstance(dag, DAG)}
print("TOLD " + json.dumps({name: told(dag) for name, dag in dags.items()}))
"""


class Airflow:
    """An Airflow with a folder of DAGs and a database of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.home = folder / "airflow"
        self.dags = self.home / "dags"
        self.dags.mkdir(parents=True)
        own = {"AIRFLOW_HOME": str(self.home), "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
               "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}  # fmt: skip
        self.environment = {**environment, **own}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [str(PROGRAMS / "airflow"), *map(str, arguments)]
        return subprocess.Popen(command, cwd=self.home, env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def run(self, *arguments: object) -> str:
        """Runs a command of Airflow to its end; gives what it said."""
        with self.start(*arguments) as process:
            said, _ = process.communicate(timeout=300)
        return said

    def states(self) -> list[tuple[str, str, int]]:
        """Each task's DAG, state and number of tries."""
        with sqlite3.connect(self.home / "airflow.db") as db:
            return db.execute("SELECT dag_id, state, try_number FROM task_instance").fetchall()


@pytest.fixture(scope="module")
def _migrated(tmp_path_factory):
    need((PROGRAMS / "airflow").is_file(), "Airflow is not installed (run `make airflow`)")
    folder = tmp_path_factory.mktemp("migrated")
    airflow = Airflow(folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})
    said = airflow.run("db", "migrate")
    assert (airflow.home / "airflow.db").is_file(), said
    return airflow.home / "airflow.db"


@pytest.fixture
def record_url(_sqlite_template, tmp_path):
    """One engine is enough here: it is about Airflow."""
    shutil.copy(_sqlite_template, tmp_path / "record.db")
    return f"sqlite:///{tmp_path}/record.db"


@pytest.fixture
def airflow(_migrated, tmp_path, record_url):
    """An Airflow that has no DAG yet, with the settings of an installation."""
    airflow = Airflow(tmp_path, installed_here.make(tmp_path, record_url).environment)
    shutil.copy(_migrated, airflow.home / "airflow.db")
    return airflow


@pytest.fixture
def stand_in(airflow, tmp_path):
    """An installation whose runner is a script; the DAGs are the real ones."""
    root = tmp_path / "stand-in"
    for name in ("deploy/airflow", ".venv/bin"):
        (root / name).mkdir(parents=True)
    shutil.copy(DAGS, root / "deploy" / "airflow")
    text = 'timezone = "UTC"\n[jobs.small]\nnotebook = "small"\ncron = "0 7 * * *"\nwithin = "1h"\ntimeout = "10m"\n'
    (root / "deploy" / "schedule.toml").write_text(text)
    (airflow.dags / "interview_ops.py").symlink_to(root / "deploy" / "airflow" / "interview_ops.py")

    def stand_in(script):
        runner = root / ".venv" / "bin" / "python"
        runner.write_text(f'#!/bin/bash\necho "$*" >>{root}/calls\n{script}\n')
        runner.chmod(0o755)
        return root

    return stand_in


def calls(root):
    path = root / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_a_job_of_this_schedule_runs_from_its_dag(airflow, record_url):
    (airflow.dags / "interview_ops.py").symlink_to(DAGS)
    said = airflow.run("dags", "test", "interview_ops_weekly_review")
    assert airflow.states() == [("interview_ops_weekly_review", "success", 1)], said
    db = database.open_record(record_url)
    [row] = job_runs.read(db)
    db.close()
    assert (row.scheduled_as, row.outcome) == ("weekly_review", "done")
    assert row.started_by == "airflow interview_ops_weekly_review/run"


def told_of(said):
    return json.loads(next(line for line in said.splitlines() if line.startswith("TOLD "))[5:])


def test_a_wrong_job_leaves_the_others_their_dags_and_says_what_to_do(airflow, stand_in):
    root = stand_in("exit 0")
    with open(root / "deploy" / "schedule.toml", "a") as schedule:
        schedule.write('[jobs.first]\ncron = "0 7 * *"\n[jobs.second]\nwithin = "1h"\n')
        schedule.write('[jobs.third]\ncron = "0 7 * * *"\ntimeout = 5\n')
    file = root / "deploy" / "airflow" / "interview_ops.py"
    command = [str(PROGRAMS / "python"), "-c", TELL, str(file), "2026-11-29"]
    done = subprocess.run(command, env=airflow.environment, capture_output=True, text=True, timeout=120, check=True)
    assert told_of(done.stdout).keys() == {"interview_ops_small", "interview_ops_overdue"}
    said = done.stdout + done.stderr
    assert all(f"Job {name} is wrong" in said for name in ("first", "second", "third"))


def test_a_look_for_overdue_jobs_has_a_dag(airflow, stand_in):
    root = stand_in("exit 1")
    airflow.run("dags", "test", "interview_ops_overdue")
    assert airflow.states() == [("interview_ops_overdue", "failed", 1)]
    assert calls(root) == ["-m notebooks overdue --mail"]


def test_the_dags_run_when_the_schedule_says_never_twice_at_once_and_never_again(airflow):
    now = times.now().replace(microsecond=0)
    command = [str(PROGRAMS / "python"), "-c", TELL, str(DAGS), now.isoformat()]
    done = subprocess.run(command, env=airflow.environment, capture_output=True, text=True, timeout=120, check=True)
    told = told_of(done.stdout)
    known = read(FILE, now).jobs
    assert told.keys() == {f"interview_ops_{job.name}" for job in known} | {"interview_ops_overdue"}
    for job in known:
        dag = told[f"interview_ops_{job.name}"]
        expected = [moment.isoformat() for moment in islice(due.following(job.cron, job.zone, now), 8)]
        assert dag["times"] == expected
        assert (dag["most"], dag["catchup"], dag["retries"]) == (1, False, 0)
        assert dag["limit"] > job.limits.total + job.limits.wait


@pytest.mark.parametrize(
    ("code", "state"), [(0, "success"), (75, "skipped"), (1, "failed"), (2, "failed"), (124, "failed")]
)
def test_an_exit_code_of_the_runner_becomes_the_tasks_state_at_the_first_try(airflow, stand_in, code, state):
    root = stand_in(f"exit {code}")
    said = airflow.run("dags", "test", "interview_ops_small")
    assert airflow.states() == [("interview_ops_small", state, 1)], said
    assert calls(root) == ["-m notebooks run --job small"]


def test_a_task_that_is_stopped_stops_its_runner_in_order(airflow, stand_in, tmp_path):
    root = stand_in(f"trap 'echo stopped >>{tmp_path}/stand-in/calls; exit 143' TERM\nwhile :; do sleep 0.1; done")
    with airflow.start("dags", "test", "interview_ops_small") as process:
        wait_until(lambda: calls(root), seconds=120)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopped" in calls(root), seconds=60)
        process.kill()
        process.communicate(timeout=60)


def test_a_copy_of_the_dags_without_the_installation_says_what_to_do(airflow):
    command = [str(PROGRAMS / "python"), shutil.copy(DAGS, airflow.dags)]
    done = subprocess.run(command, env=airflow.environment, capture_output=True, text=True, timeout=120)
    assert "To fix: link this file from the installation" in done.stderr
