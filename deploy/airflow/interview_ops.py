"""The jobs of deploy/schedule.toml as Airflow DAGs, one a job, and one that looks for overdue jobs; for Airflow 3.

Airflow starts what the runner runs: parameters, limits, lock and record are the runner's. Link this file into the DAGs'
folder (ln -s): the installation is found from where it really lies.
"""

import logging
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable

FOLDER = Path(__file__).resolve().parents[2]
BUSY = 75
"""The runner's exit code while another run of the same job is at work."""
OVERDUE_MINUTES = 15
_MARGIN = timedelta(minutes=5)
_SPAN = re.compile(r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


def _span(text: str) -> timedelta:
    return timedelta(**{unit: int(count) for unit, count in _SPAN.fullmatch(text).groupdict("0").items()})


def _dag(name: str, cron: str, zone: str, command: str, limit: timedelta | None) -> DAG:
    dag = DAG(
        f"interview_ops_{name}",
        schedule=CronTriggerTimetable(cron, timezone=zone),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["interview-ops"],
    )
    BashOperator(
        task_id="run",
        # exec: a task that is stopped sends SIGTERM to the runner itself, which ends its notebook in order.
        bash_command=f"exec .venv/bin/python -m notebooks {command}",
        cwd=str(FOLDER),
        append_env=True,
        skip_on_exit_code=BUSY,
        # What failed is told to ops; running it again is a decision.
        retries=0,
        execution_timeout=limit,
        dag=dag,
    )
    return dag


def _of_job(name: str, job: dict, zone: str) -> DAG | None:
    """A job's DAG; None for a job that is wrong, which must not keep the others from running."""
    try:
        # The runner stops by itself; this is for one that cannot.
        limit = _span(job["timeout"]) + _span(job.get("wait", "0s")) + _MARGIN if "timeout" in job else None
        dag = _dag(name, job["cron"], zone, f"run --job {name}", limit)
        dag.validate()
        return dag
    except Exception as error:  # noqa: BLE001 - Airflow drops every DAG of a file that raises
        fix = "To fix: python -m notebooks schedule names what is wrong; the DAG interview_ops_overdue mails it."
        logging.getLogger(__name__).error("Job %s is wrong (%s: %s). %s", name, type(error).__name__, error, fix)
        return None


def _dags() -> dict[str, DAG]:
    path = FOLDER / "deploy" / "schedule.toml"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there. To fix: link this file from the installation instead of copying it."
        )
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    found = [_of_job(name, job, content["timezone"]) for name, job in content["jobs"].items()]
    found.append(_dag("overdue", f"*/{OVERDUE_MINUTES} * * * *", "UTC", "overdue --mail", _MARGIN))
    return {dag.dag_id: dag for dag in found if dag}


globals().update(_dags())
