"""A past of runs, as a record has it after some weeks: made at once, the same for the same seed."""

import json
import random
from collections.abc import Iterator

from store import job_runs
from store.database import Database, changing, execute_many, fetch
from store.job_locks import clock
from store.outcomes import DONE, FAILED, KERNEL_DIED, OUT_OF_TIME, STOPPED, WRONG_SETTINGS

DAY = 86_400.0
NIGHTLY = {"email_verification": 9.0, "booking_batch": 48.0, "review": 4.0, "load_questions": 3.0, "rehearsal": 21.0}
"""Notebooks and the seconds that a run of each takes."""
MESSAGES = {
    FAILED: "3 rows are refused. To fix: correct them in the file, or set allow_refused to True.",
    WRONG_SETTINGS: "[email.host] EMAIL_HOST is not set. To fix: set EMAIL_HOST to your mail server's name.",
    OUT_OF_TIME: "The notebook took longer than 600 s. To fix: run it again; what is done is not done twice.",
    KERNEL_DIED: "The kernel died before the notebook ended (out of memory, perhaps). To fix: run it again; what is done"
                 " is not done twice.",
    STOPPED: "The notebook was stopped by a signal. To fix: run it again; what is done is not done twice.",
}  # fmt: skip
CODES = {DONE: 0, FAILED: 1, WRONG_SETTINGS: 2, OUT_OF_TIME: 124, KERNEL_DIED: 138, STOPPED: 143}
_COLUMNS = ("name", "notebook", "job_key", "parameters", "started_by", "user_name", "host", "pid", "code_version",
            "started_at", "heartbeat_at", "ended_at", "outcome", "exit_code", "message", "counts", "artefacts",
            "peak_memory")  # fmt: skip


def write(db: Database, days: int = 30, a_day: int = 5, seed: int = 1) -> int:
    """So many runs on each of the last days, one a notebook in turn; gives how many. The newest began an hour ago."""
    now = float(fetch(db, f"SELECT {clock(db)}")[0][0])
    rows = list(_rows(random.Random(seed), now, days, a_day))
    sql = f"INSERT INTO job_run ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    with changing(db):
        execute_many(db, sql, rows)
    return len(rows)


def _rows(chance: random.Random, now: float, days: int, a_day: int) -> Iterator[tuple]:
    for number in range(days * a_day):
        day, turn = divmod(number, a_day)
        yield _row(chance, number, now - 3_600 - (days - 1 - day) * DAY - (a_day - 1 - turn) * DAY / (2 * a_day))


def _row(chance: random.Random, number: int, begun: float) -> tuple:
    # Every 37th fails, as a job that was never run again.
    name, open_job = f"20260101T000000Z_{number:06x}", {"only": number} if number % 37 == 36 else {}
    notebook = list(NIGHTLY)[number % len(NIGHTLY)]
    outcome = FAILED if open_job else chance.choices(list(CODES), (85, 8, 2, 2, 1, 2))[0]
    seconds = NIGHTLY[notebook] * chance.lognormvariate(0, 0.25) * (12 if outcome == OUT_OF_TIME else 1)
    died, code = number % 61 == 60, CODES[outcome]
    counts = {"rows": 180 + number % 40, "mails_sent": 180} if outcome == DONE else {}
    artefacts = {kind: f"runs/{notebook}/{name}.{end}" for kind, end in (("notebook", "ipynb"), ("page", "html"))}
    who = ("cron", "interview-ops", "ops-1") if number % 7 else ("terminal", "meera", "laptop")
    told = (None, None, None, "", "{}") if died else (begun + seconds, outcome, code, MESSAGES.get(outcome, ""),
                                                      json.dumps(counts))  # fmt: skip
    start = (name, notebook, job_runs.job_key(notebook, open_job), json.dumps({"dry_run": False, "days": 7}), *who, 4242,
             "1.0.0-12-g3f2a9c1", begun, begun + seconds)  # fmt: skip
    return (*start, *told, json.dumps({} if died else artefacts), round(chance.uniform(95, 140) * 1e6))
