"""What tests of the history of runs share: a record of runs, the notebook's steps on it, and looks at what is shown."""

import re

import pytest

from notebooks import history_steps
from store import job_runs
from store.database import execute
from store.job_runs import JobEnd, JobStart

DEFAULTS = {"days": 30, "notebook": "", "outcome": "any"}
KINDS = {"days": int, "notebook": str, "outcome": str, "log_file": str}
BAD = "Two rows are refused. To fix: correct them.\nAnd more. To fix: that, too."


@pytest.fixture
def ran(db):
    """Records a run that began so many hours ago; gives its name."""

    def ran(hours, outcome="done", notebook="review", message="", **start):
        name = f"20260101T000000Z_{hours}_{notebook}"
        given = {"started_by": "cron", "user_name": "ops", "host": "here", "pid": 1, "code_version": "v1"} | start
        parameters = given.pop("parameters", {"days": 3})
        end = {"artefacts": given.pop("artefacts", {}), "counts": given.pop("counts", {}),
               "peak_memory": given.pop("peak_memory", None)}  # fmt: skip
        started = JobStart(name, notebook, job_runs.job_key(notebook, parameters), parameters, **given)
        run_id = job_runs.begin(db, started)
        if outcome not in ("died", "running"):
            job_runs.finish(db, run_id, JobEnd(outcome, 0 if outcome == "done" else 1, message, **end))
        silent = 0 if outcome == "running" else hours * 3_600
        execute(db, "UPDATE job_run SET started_at = started_at - ?, heartbeat_at = heartbeat_at - ?,"
                    " ended_at = ended_at - ? + 60 WHERE id = ?",
                (hours * 3_600, silent, hours * 3_600, run_id))  # fmt: skip
        return name

    return ran


@pytest.fixture
def look(db, record_url, tmp_path, monkeypatch):
    """Looks as the notebook does; parameters that are not given are its defaults."""
    monkeypatch.setenv("DATABASE_URL", record_url)
    monkeypatch.setenv("RUNS_FOLDER", str(tmp_path / "runs"))

    def look(**given):
        log = tmp_path / "runs" / "job_history" / f"{given.pop('own_name', 'own')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        names = {"__annotations__": KINDS, "log_file": str(log)} | DEFAULTS | given
        return history_steps.look(names)

    return look


def cells(shown, column):
    """The texts of a column, from the top."""
    heads = re.findall("<th>(.*?)</th>", shown.data)
    rows = [re.findall("<td>(.*?)</td>", row) for row in shown.data.partition("<tbody>")[2].split("<tr>")[1:]]
    return [re.sub("<.*?>", "", row[heads.index(column)]) for row in rows]
