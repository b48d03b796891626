"""The installation as somebody at its first page should see it: settings, record, jobs, mail and portal, in a few lines.

It is only looked at: nothing is written, and nothing that is missing or wrong is an error here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import peewee
from IPython.display import HTML

from mailer.account import SANDBOX
from mailer.config import Checked, MailSettings, check
from mailer.verification import portal_place
from notebooks import jobs, schedule, tables
from notebooks.colours import BAD, GOOD, WAITS
from notebooks.lab import words
from notebooks.schedule import overdue
from store import accounts, alerts, database, failures, job_runs, outcomes, record_copies, scheduled_jobs, times
from store.database import Database
from store.errors import SettingsError, StoreError
from store.job_runs import JobRunRow
from store.redaction import masked_address, redact
from store.settings import Settings

OK, LOOK, WRONG = "ok", "look", "wrong"
_COLOURS = {OK: GOOD, LOOK: WAITS, WRONG: BAD}
_PORTAL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the state: what it is about, how it is, what was seen, and what to do."""

    about: str
    state: str
    seen: str
    fix: str = ""


@dataclass(slots=True)
class Seen:
    """The installation as it was looked at; `runs` has the last run of each notebook that has one.

    `is_record_read`: the record could be looked at, or there is none yet.
    """

    lines: list[Line] = field(default_factory=list)
    runs: dict[str, JobRunRow] = field(default_factory=dict)
    pause: accounts.Pause | None = None
    zone: str = "UTC"
    is_record_read: bool = False


def look() -> Seen:
    """Looks at settings, record, jobs, mail and portal, in a few seconds at most; nothing is written."""
    seen = Seen()
    try:
        settings, mail = Settings.load(), MailSettings.load()
    except SettingsError as wrong:
        seen.lines = [Line("Settings", WRONG, found.what, found.fix) for found in wrong.findings]
        return seen
    seen.zone = settings.interview_timezone
    checked = check(mail, settings)
    try:
        with record_copies.opened_to_read(settings.database_url.get_secret_value()) as db:
            seen.lines += _record(db, checked, seen) if db else [_NO_RECORD]
            seen.is_record_read = _OTHER_RECORD not in seen.lines
    except StoreError as error:
        seen.lines.append(Line("Record", WRONG, str(error), error.fix))
    except peewee.DatabaseError:
        seen.lines.append(_OTHER_RECORD)
    seen.lines += [_mail(checked, seen.pause), _portal(settings)]
    return seen


_NO_RECORD = Line("Record", LOOK, "there is none yet; the first run of a notebook makes it")
_OTHER_RECORD = Line("Record", LOOK, "its tables are of another version", "run a notebook once; that upgrades them.")


def _record(db: Database, checked: Checked, seen: Seen) -> list[Line]:
    """What the record tells; the last runs and the mail account's pause are kept in `seen`."""
    if not database.is_current(db):
        return [_OTHER_RECORD]
    seen.runs = _last_runs(db)
    if checked.account:
        seen.pause = accounts.paused(db, checked.account.fingerprint)
    line = Line("Record", OK, f"is there; {tables.counted(len(seen.runs), 'notebook')} ran as jobs")
    return [line, *_overdue(db), *_unwell(seen.runs)]


def _last_runs(db: Database) -> dict[str, JobRunRow]:
    newest = {name: job_runs.read(db, name, limit=1) for name in jobs.names()}
    return {name: rows[0] for name, rows in newest.items() if rows}


def _overdue(db: Database) -> list[Line]:
    """A line for each overdue job of the schedule; none of a job that nobody has looked after yet."""
    plan, now = schedule.inspect(schedule.FILE), times.now()
    wrong = [Line("Jobs", WRONG, found.what, found.fix) for found in plan.findings]
    return wrong + _late(db, plan, now)


def _late(db: Database, plan: schedule.Schedule, now: datetime) -> list[Line]:
    known = {name: timing for name, (timing, _) in scheduled_jobs.known_jobs(db, plan.source).items()}
    watched = tuple(job for job in plan.jobs if known.get(job.name) == job.timing)
    if not watched:
        return []
    try:
        late = overdue.find(db, replace(plan, jobs=watched), now)
    except (StoreError, peewee.DatabaseError):
        # It notes jobs that are new to it, and here nothing may be written.
        return [Line("Jobs", LOOK, "whether one is overdue is told by: python -m notebooks overdue")]
    told = [
        Line("Jobs", WRONG, f"{one.job.name} is overdue, since {times.moment_words(one.due_at, one.job.zone)}", one.fix)
        for one in late
    ]
    return told or [Line("Jobs", OK, "nothing of the schedule is overdue")]


def _mail(checked: Checked, pause: accounts.Pause | None) -> Line:
    account = checked.account
    if account is None:
        first, more = checked.findings[0], len(checked.findings) - 1
        rest = f" ({tables.counted(more, 'more thing')} to set)" if more else ""
        return Line("Mail", WRONG, f"{first.what}{rest}", first.fix)
    if pause:
        return Line("Mail", WRONG, f"paused: {pause.reason}", pause.fix)
    if account.backend == SANDBOX:
        what = "sandbox: mails are kept in SANDBOX_MAILBOX and go nowhere"
        return Line("Mail", LOOK, what, "for real mails, set EMAIL_BACKEND=smtp.")
    sender = masked_address(account.from_address)
    return Line("Mail", OK, f"set up: {account.host}:{account.port}, from {sender}; email_verification proves it")


def _portal(settings: Settings) -> Line:
    trouble = portal_place.trouble_at(settings.backend_url, "BACKEND_URL", _PORTAL_SECONDS)
    if trouble:
        return Line("Portal", LOOK if trouble.is_silent else WRONG, trouble.what, trouble.fix)
    return Line("Portal", OK, f"something answers at BACKEND_URL ({settings.backend_url})")


def _unwell(runs: dict[str, JobRunRow]) -> Iterator[Line]:
    """A line for each notebook whose last run did not end well."""
    for name, row in runs.items():
        if row.outcome not in (outcomes.DONE, outcomes.RUNNING):
            what, fix = failures.told(row.message)
            ended = f"the last run of {name} ended: {words.word(row.outcome)}." + (f" {what}." if what else "")
            yield Line(
                "Jobs", LOOK if row.outcome == outcomes.STOPPED else WRONG, ended, fix or alerts.look_at(row.artefacts)
            )


def state(seen: Seen) -> HTML:
    """A line for each thing that was looked at."""
    rows = "".join(map(_state_row, seen.lines))
    return tables.as_text(f'{tables.LEFT}<table class="interviews"><tbody>{rows}</tbody></table>')


def _state_row(line: Line) -> str:
    fix = f" <b>To fix:</b> {words.inline(redact(line.fix))}" if line.fix else ""
    light = f"{tables.dot(_COLOURS[line.state])}{line.state}"
    cells = (
        f'<span style="white-space: nowrap">{light}</span>',
        line.about,
        words.inline(redact(line.seen)) + fix,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
