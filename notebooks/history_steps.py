"""The steps of job_history.ipynb: what is asked, the runs as the record has them, and one sentence on them."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from notebooks import counts, jobs, parameters
from notebooks.opened_run import log_path
from notebooks.stopping import telling
from store import database, debuglog, failures, job_history, job_runs, outcomes, places, record_copies, redaction
from store.database import Database
from store.errors import Finding, SettingsError, StoreError
from store.job_history import Sample, Tally
from store.job_runs import JobRunRow
from store.plain_text import quoted
from store.settings import Settings

DONE, FAILED, STOPPED, RUNNING = "done", "failed", "stopped", "running"
"""How runs end, in four kinds: as asked; not; broken off by somebody; not yet."""
KINDS = {
    outcomes.DONE: DONE, outcomes.RUNNING: RUNNING, outcomes.STOPPED: STOPPED, outcomes.OVERTAKEN: STOPPED,
    outcomes.FAILED: FAILED, outcomes.WRONG_SETTINGS: FAILED, outcomes.BLOCKED: FAILED, outcomes.OUT_OF_TIME: FAILED,
    outcomes.KERNEL_DIED: FAILED, outcomes.DIED: FAILED,
}  # fmt: skip
ANY, NOT_DONE = "any", "not done"
CHOICES = {ANY: (DONE, FAILED, STOPPED, RUNNING), NOT_DONE: (FAILED, STOPPED)} | {
    kind: (kind,) for kind in (DONE, FAILED, STOPPED, RUNNING)
}
LONGEST_DAYS = 3_650
LISTED, TROUBLES, SAMPLES, MEASURED = 200, 200, 1_000, 12
"""The most runs that are listed, that did not end well, that are measured of a notebook, and notebooks measured."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What was asked, and what the record has of it; nothing where there is no record. `since` and `now` are epoch seconds.

    `tallies` count every run; `rows` (those asked for) and `troubles` are the newest. `right` says of troubles when a later
    run of the same job was done. `base` is the folder that links are seen from, None where it is not known.
    """

    days: int
    notebook: str
    outcome: str
    zone: str
    since: float
    now: float
    base: Path | None
    tallies: Sequence[Tally] = ()
    rows: Sequence[JobRunRow] = ()
    troubles: Sequence[JobRunRow] = ()
    right: Mapping[str, float] | None = None
    samples: Mapping[str, Sequence[Sample]] | None = None
    is_recorded: bool = True

    @property
    def kinds(self) -> Counter:
        """How many runs ended in each of the four kinds."""
        return counted_by(self.tallies, lambda tally: KINDS[tally.outcome])

    @property
    def open_troubles(self) -> list[JobRunRow]:
        """The runs that did not end well and that no later run of the same job has put right, the newest first."""
        return [row for row in self.troubles if row.name not in (self.right or {})]


def counted_by(tallies: Iterable[Tally], key) -> Counter:
    """How many runs there are of each key."""
    found: Counter = Counter()
    for tally in tallies:
        found[key(tally)] += tally.runs
    return found


@telling
def look(names: Mapping[str, object]) -> Looked:
    """Checks the notebook's parameters (`globals()`) and reads the record, which the database itself keeps from changes."""
    redaction.install_excepthook()
    given = parameters.check(names)
    path = log_path("job_history", str(given["log_file"]))
    with debuglog.writing_to(path):
        return _look(given, path)


@telling
def _look(given: Mapping[str, object], path: Path) -> Looked:
    if findings := list(_findings(given)):
        raise SettingsError(findings)
    settings = Settings.load()
    with record_copies.opened_to_read(settings.database_url.get_secret_value()) as db:
        asked = (given["days"], given["notebook"], given["outcome"], settings.interview_timezone)
        if db is None or not db.table_exists("job_run"):
            return Looked(*asked, 0.0, 0.0, None, is_recorded=False)
        if "scheduled_as" not in {column.name for column in db.get_columns("job_run")}:
            raise StoreError(
                "The record is of an older version.", "run: python -m notebooks history; it brings it up to date."
            )
        with database.viewing(db):
            return _read(db, asked, path.stem, _base(path, settings))


def _findings(given: Mapping[str, object]) -> Iterable[Finding]:
    days, outcome, notebook = given["days"], given["outcome"], given["notebook"]
    if not 1 <= days <= LONGEST_DAYS:
        fix = f"give a number from 1 to {LONGEST_DAYS}."
        yield Finding("parameters.days", f"days = {days} is out of range.", fix)
    if outcome not in CHOICES:
        what = f"No run ends as {quoted(outcome)}."
        yield Finding("parameters.outcome", what, f"give one of: {', '.join(CHOICES)}.")
    if notebook and notebook not in jobs.names():
        near = difflib.get_close_matches(notebook, jobs.names(), 1, 0.5)
        fix = f"did you mean {near[0]}?" if near else f"give one of: {', '.join(jobs.names())}; or nothing, for all."
        yield Finding("parameters.notebook", f"There is no notebook {quoted(notebook)}.", fix)


def _read(db: Database, asked: tuple, own_name: str, base: Path | None) -> Looked:
    days, notebook, outcome, _ = asked
    now = job_history.now(db)
    since = now - days * _DAY
    tallies = job_history.tallies(db, since, notebook, own_name)
    troubles = _newest(db, since, notebook, NOT_DONE, TROUBLES, own_name)
    right = job_history.put_right(db, [row.name for row in troubles])
    most = counted_by(tallies, lambda tally: tally.notebook).most_common(MEASURED)
    samples = {name: job_history.samples(db, since, name, SAMPLES) for name, _ in most}
    rows = _newest(db, since, notebook, outcome, LISTED, own_name)
    return Looked(*asked, since, now, base, tallies, rows, troubles, right, samples)


def _newest(db: Database, since: float, notebook: str, choice: str, limit: int, own_name: str) -> list[JobRunRow]:
    """The newest runs of a choice; this one, which only just runs, is left out."""
    wanted = () if choice == ANY else [one for one, kind in KINDS.items() if kind in CHOICES[choice]]
    rows = job_runs.read(db, notebook, wanted, limit + 1)
    return [row for row in rows if row.started_at >= since and row.name != own_name][:limit]


def _base(path: Path, settings: Settings) -> Path | None:
    """The folder of the executed notebook: the runner keeps it beside the log, JupyterLab works where it lies."""
    if path.is_relative_to(places.resolve(settings.runs_folder)) and path.exists() and Path.cwd() != jobs.FOLDER:
        return path.parent
    return jobs.FOLDER if Path.cwd() == jobs.FOLDER else None


def link_to(base: Path | None, target: Path) -> str:
    """The way from the executed notebook to a file; empty where it is not known."""
    return os.path.relpath(target, base) if base else ""


def split(message: str) -> tuple[str, str]:
    """What a run said went wrong, of several things the first, and the first that is to be done."""
    first, *more = [line for line in message.splitlines() if line.strip()] or [""]
    what, (_, fix) = first.partition(failures.FIX)[0], failures.told(message)
    rest = f" (and {len(more)} more)" if more else ""
    return f"{what.strip()}{rest}", fix


def verdict(looked: Looked) -> str:
    """One sentence on the runs. What failed there fails no run of this: to see it is what it is for."""
    kinds = looked.kinds
    counts.tell(
        runs=sum(kinds.values()), failed=kinds[FAILED], stopped=kinds[STOPPED], not_put_right=len(looked.open_troubles)
    )  # fmt: skip
    return words(looked)


def words(looked: Looked) -> str:
    """How many runs ended how, and how many of them nobody has put right."""
    kinds, open_ones = looked.kinds, looked.open_troubles
    if not kinds:
        return nothing(looked)
    listed = ", ".join(f"{kinds[kind]:,} {kind}" for kind in (DONE, FAILED, STOPPED, RUNNING) if kinds[kind])
    runs = sum(kinds.values())
    head = f"{runs:,} run{'' if runs == 1 else 's'}{_of(looked)} in {_span(looked)}: {listed}."
    if not kinds[FAILED] + kinds[STOPPED]:
        return head
    if not open_ones:
        return f"{head} What did not end well was put right: the same job was done later."
    which = "failed or were stopped" if kinds[STOPPED] else "failed"
    of = f"the newest {TROUBLES:,} that" if len(looked.troubles) >= TROUBLES else "those that"
    return f"{head} Of {of} {which}, {len(open_ones):,} {'was' if len(open_ones) == 1 else 'were'} not put right since."


def nothing(looked: Looked) -> str:
    """What is told where there is no run."""
    how = "A run is recorded when a notebook is run as a job: python -m notebooks run NAME."
    if not looked.is_recorded:
        return f"There is no record of runs yet. {how}"
    return f"No run{_of(looked)} was begun in {_span(looked)}. {how}"


def _of(looked: Looked) -> str:
    return f" of {looked.notebook}" if looked.notebook else ""


def _span(looked: Looked) -> str:
    return f"the last {looked.days} days" if looked.days > 1 else "the last day"
