"""A failure of a job: what its message says of it, and whether ops were mailed the same one a moment ago."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from store import plain_text
from store.database import Database, fetch
from store.job_runs import outcome_sql
from store.outcomes import BLOCKED, DIED, DONE

FIX = "To fix: "
TERMINAL = "terminal"
AGAIN_SECONDS = 3570.0
"""An hour, less what the runs of an hourly job may lie closer together."""
LOOK_BACK_SECONDS = 86_400.0
_MOST_RUNS, _FIRST_CHARS = 2000, 500
_WORD = re.compile(r"[^\s,;()\[\]{}'\"]+")
_VARIES = re.compile(r"\d|\*\*\*")
_LIST = re.compile(r"#(?:(?:, ?| and | )#)+(?: more)?")


def key_of(run_name: str) -> str:
    """The key of the alert about a run, whatever is wrong with it."""
    return f"run:{run_name}"


def message_of(outcome: str, message: str) -> str:
    """What of a run's message may be told: what the run itself said may hold what it is kept back for."""
    return message.partition(" The run itself:")[0] if outcome == BLOCKED else message


def told(message: str) -> tuple[str, str]:
    """What a run's message says first, and its first fix; both may be empty."""
    lines = [plain_text.one_line(line) for line in message.splitlines()]
    first = next((line for line in lines if line), "")
    fix = next((line.partition(FIX)[2] for line in lines if FIX in line), "")
    return first.partition(FIX)[0].strip().rstrip("."), fix.partition(FIX)[0].strip()


def levelled(what: str) -> str:
    """The sentence without what differs from run to run.

    Each word with a digit (a number, time, code, name of a file) and each masked address is `#`, and so is a list of them.
    """
    return _LIST.sub("#", _WORD.sub(_level, what))


def _level(found: re.Match[str]) -> str:
    word = found[0].rstrip(".:")
    return "#" + found[0][len(word) :] if _VARIES.search(word) else found[0]


@dataclass(frozen=True, slots=True)
class Before:
    """What was mailed about the failure of a run, in other runs of the same job.

    `is_told`: less than an hour ago. Else `runs` failed so without a mail since the last one, whose run ended at `since`
    (epoch seconds).
    """

    is_told: bool = False
    runs: int = 0
    since: float = 0.0


def before(db: Database, run_id: int) -> Before:
    """What was mailed about the same failure before; nothing for a run that is not in the record.

    The rule: the same failure of the same job is mailed at most once an hour, and the next mail tells how many runs failed
    so meanwhile. The same job is the same name in the schedule, notebook and parameters; the same failure, the same outcome
    and first line of the message, whatever its numbers, times and codes. Another failure, or one after a run that was
    done, is mailed at once; so is each that somebody at a terminal began. The hour is between the ends of runs, by the
    database's clock, so that asking again later gives the same answer.

    To be called in the transaction that records the run's end and queues its mail, by one after another: the run holds its
    job's lock until that is done, and `alerts.queue` has a lock of its own for runs that hold none, as those that died.
    Runs with other parameters may end at the same moment, but each of those jobs has mails of its own.
    """
    runs = _runs_around(db, run_id)
    mine = next((run for run in runs if run.id == run_id), None)
    if mine is None:
        return Before()
    older = [
        run for run in _until_done(run for run in reversed(runs) if run.id < run_id) if run.failure == mine.failure
    ]
    newer = [run for run in _until_done(run for run in runs if run.id > run_id) if run.failure == mine.failure]
    is_near = any(abs(run.ended_at - mine.ended_at) < AGAIN_SECONDS for run in (*older, *newer) if run.is_told)
    silent = list(takewhile(lambda run: not run.is_told, older))
    if len(silent) == len(older):
        return Before(is_near and not mine.is_by_hand)
    return Before(is_near and not mine.is_by_hand, len(silent), older[len(silent)].ended_at)


@dataclass(frozen=True, slots=True)
class _Run:
    id: int
    ended_at: float
    failure: tuple[str, str, str]
    is_by_hand: bool
    is_told: bool

    @property
    def is_done(self) -> bool:
        return self.failure[1] == DONE


def _until_done(runs: Iterable[_Run]) -> Iterable[_Run]:
    return takewhile(lambda run: not run.is_done, runs)


def _runs_around(db: Database, run_id: int) -> list[_Run]:
    """This run and others of its notebook and parameters, in order: of the day before it, and of the hour after it."""
    found = fetch(db, "SELECT notebook, job_key, started_at FROM job_run WHERE id = ?", (run_id,))
    if not found:
        return []
    notebook, job_key, began = found[0]
    sql = (
        f"SELECT job_run.id, coalesce(ended_at, heartbeat_at), scheduled_as, {outcome_sql(db)},"
        f" substr(message, 1, {_FIRST_CHARS}), started_by, mail.id IS NOT NULL"
        " FROM job_run LEFT JOIN notification mail ON mail.alert_key = ? || name"
        " WHERE notebook = ? AND job_key = ? AND started_at BETWEEN ? AND ?"
        f" ORDER BY started_at DESC LIMIT {_MOST_RUNS}"
    )
    rows = fetch(db, sql, (key_of(""), notebook, job_key, began - LOOK_BACK_SECONDS, began + AGAIN_SECONDS))
    # Their numbers are their order, whatever the clock did.
    return sorted((_run(*row) for row in rows), key=lambda run: run.id)


def _run(
    number: int, ended_at: float, scheduled_as: str, outcome: str, message: str, started_by: str, is_told: bool
) -> _Run:
    # What is known of a run that died is written later, by whoever finds it, perhaps after it was mailed.
    what = "" if outcome == DIED else levelled(told(message_of(outcome, message))[0])
    return _Run(number, float(ended_at), (scheduled_as, outcome, what), started_by == TERMINAL, bool(is_told))
