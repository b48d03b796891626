"""The steps of rehearsal.ipynb: the rehearsal on a copy, what it says in one sentence a point, and the verdict."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from mailer import rehearsal
from mailer.account import RESEND, SMTP, STARTTLS, Account
from mailer.config import Checked, MailSettings, check
from mailer.rehearsal import Rehearsal, span_words
from mailer.sandbox import SandboxFailed
from mailer.sandbox.scenarios import SCENARIOS, named
from notebooks import cell_log, counts, parameters
from notebooks.batch_steps import SAMPLE
from notebooks.opened_run import log_path
from notebooks.progress import bar
from notebooks.stopping import telling
from notebooks.tables import counted
from store import accounts, database, places, record_copies, redaction, sample, times
from store.database import Database
from store.errors import Finding, SettingsError
from store.settings import Settings

log = logging.getLogger(__name__)

ALL = "all"
COMPARED_MAILS = 200
"""With several days no more mails than this are played, so that all days take less than a minute."""
_USUAL = Account(SMTP, "", 587, STARTTLS, "interviews@sandbox.example")
_LONGEST_HOURS = 24 * 365
Fingerprints = Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A rehearsal a day. `before` and `after` are the record's fingerprints, empty without a record.

    `record` and `file` are their names for people; `notes` is what else they should know before a real batch.
    """

    rehearsals: tuple[Rehearsal, ...]
    record: str
    file: str
    before: Fingerprints
    after: Fingerprints
    notes: tuple[str, ...]
    log: Path

    @property
    def only(self) -> Rehearsal | None:
        """The rehearsal if there was a single one."""
        return self.rehearsals[0] if len(self.rehearsals) == 1 else None

    @property
    def is_sampled(self) -> bool:
        return len(self.rehearsals[0].mails) < self.rehearsals[0].waiting


@telling
def rehearse(names: Mapping[str, object]) -> Seen:
    """Checks the notebook's parameters (`globals()`), copies the record, and plays the days on the copy."""
    redaction.install_excepthook()
    given = parameters.check(names)
    path = log_path("rehearsal", str(given["log_file"]))
    print(f"Log: {places.shown(path)}")
    with cell_log.writing_to(path):
        return _rehearse(given, path)


@telling
def _rehearse(given: Mapping[str, object], log_file: Path) -> Seen:
    days = _days(str(given["scenario"]))
    begins = times.now() + timedelta(hours=_hours(given["starts_in_hours"]))
    most = _most(given["most_mails"], len(days))
    settings = Settings.load()
    checked = check(MailSettings.load(), settings)
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
        record_copies.opened_to_read(settings.database_url.get_secret_value()) as record,
    ):
        file = _file(str(given["batch_csv"]), Path(folder))
        before = _fingerprints(record)
        played = _play(record, days, checked, settings, begins, file, most, Path(folder))
        notes = tuple(_notes(checked, record))
        seen = Seen(played, _name(settings), file.name, before, _fingerprints(record), notes, log_file)
    for one in played:
        log.info("DEBUG: rehearsal %s: %s", one.scenario.name, one.sentence())
    return seen


def _play(
    record: Database | None, days: Sequence[str], checked: Checked, settings: Settings, begins: datetime, file: Path,
    most: int, folder: Path,
) -> tuple[Rehearsal, ...]:  # fmt: skip
    source = record if record is not None else record_copies.empty_record(folder, now=begins).db
    given = {"account": checked.account or _USUAL, "settings": settings, "now": begins, "file": file, "most": most}
    try:
        with rehearsal.stage(source, **given) as stage, bar("rehearsing", len(days)) as progress:
            return tuple(_played(stage, day, progress) for day in days)
    finally:
        if record is None:
            source.close()


def _played(stage: rehearsal.Stage, day: str, progress) -> Rehearsal:
    done = stage.play(day)
    progress(1)
    return done


_NAMES = f"{ALL}, or names out of: {', '.join(scenario.name for scenario in SCENARIOS)}"


def _days(asked: str) -> list[str]:
    """The names of the days. Raises SettingsError for one that there is not."""
    if asked.strip() == ALL:
        return [scenario.name for scenario in SCENARIOS]
    days = list(dict.fromkeys(name for part in asked.split(",") if (name := part.strip())))
    findings = [finding for name in days if (finding := _unknown(name))]
    if not days:
        findings = [Finding("parameters.scenario", "No scenario is given.", f"give {_NAMES}.")]
    if findings:
        raise SettingsError(findings)
    return days


def _unknown(name: str) -> Finding | None:
    try:
        named(name)
    except SandboxFailed as refused:
        near = refused.fix.partition("? ")
        hint = f"{near[0]}? " if near[1] else ""
        return Finding("parameters.scenario", str(refused), f"{hint}give {_NAMES}.")
    return None


def _most(asked: object, days: int) -> int:
    if int(asked) < 0:
        what = f"most_mails = {asked} is no number of mails."
        raise SettingsError([Finding("parameters.most_mails", what, "give 0 for every mail, or a number above it.")])
    return int(asked) or (COMPARED_MAILS if days > 1 else 0)


def _hours(asked: object) -> float:
    if not 0 <= float(asked) <= _LONGEST_HOURS:
        what = f"starts_in_hours = {asked} is not from 0 to {_LONGEST_HOURS}."
        raise SettingsError([Finding("parameters.starts_in_hours", what, "give 0 for a batch that goes now.")])
    return float(asked)


def _file(batch_csv: str, folder: Path) -> Path:
    # Not in var/, where a real run keeps its sample: nothing stays of a rehearsal.
    return sample.with_real_dates(batch_csv or SAMPLE, folder, times.now().date())


def _fingerprints(record: Database | None) -> Fingerprints:
    return {} if record is None else record_copies.fingerprints(record)


def _name(settings: Settings) -> str:
    """The record without its host, user and password."""
    db = database.connect(settings.database_url.get_secret_value())
    return places.shown(db.database) if database.is_sqlite(db) else f"the PostgreSQL database {db.database}"


def _notes(checked: Checked, record: Database | None) -> Iterator[str]:
    """What a real batch would meet before its first mail, and how this one sent."""
    account = checked.account or _USUAL
    if checked.account is None:
        yield "The mail settings cannot be used yet, so usual ones stand in. A real batch would stop at these:"
        yield from (finding.line() for finding in checked.findings)
    rate = f"at most {counted(account.rate, 'mail')} a minute" if account.rate else "no limit of mails a minute"
    again = (
        f"again after {span_words(timedelta(seconds=account.hold))}" if account.on_unknown == RESEND else "not again"
    )
    connections = counted(account.connections, "connection")
    yield f"Sent as this account would send: at most {connections}, {rate}; a mail of unknown outcome goes {again}."
    yield "To see what EMAIL_RATE or EMAIL_CONNECTIONS would change, set it in .env and rehearse again."
    pause = accounts.paused(record, account.fingerprint) if record is not None else None
    if pause is not None:
        yield f"The real mail account is paused at this moment: {pause.reason} To fix: {pause.fix}"


def points(seen: Seen, done: Rehearsal) -> list[str]:
    """What would happen on one day, a sentence a point, the most important first."""
    said = [done.sentence(), *sampled(seen), *_failed_tries(done), *_first_run(done), *_arrivals(done)]
    if done.doubled:
        said.append(f"{counted(len(done.doubled), 'candidate')} would get the same mail more than once.")
    if done.without:
        first = min(done.without, key=lambda mail: mail.opens_at)
        until = f"before the first link opens ({times.moment_words(first.opens_at, first.row.timezone)})"
        fix = f"act on the table of mails {until}, or tell them by hand."
        said.append(f"{counted(len(done.without), 'candidate')} would get no mail until somebody acts. To fix: {fix}")
    if done.too_late:
        fix = "send the batch earlier, or move these interviews."
        said.append(
            f"{counted(len(done.too_late), 'mail')} would come too late: the link is open by then. To fix: {fix}"
        )
    return said


def sampled(seen: Seen) -> Iterator[str]:
    if seen.is_sampled:
        done = seen.rehearsals[0]
        yield (
            f"Only {len(done.mails)} of {counted(done.waiting, 'mail')} were rehearsed, spread evenly over all:"
            " the whole batch takes longer. To rehearse more, give most_mails."
        )


def _failed_tries(done: Rehearsal) -> Iterator[str]:
    if done.setbacks and done.pause is None:
        signature, _ = Counter(setback.signature for setback in done.setbacks).most_common(1)[0]
        cause, fix = rehearsal.cause_of(signature)
        told = f"{len(done.setbacks)} {'try' if len(done.setbacks) == 1 else 'tries'} failed on the way"
        yield f"{told}, most often: {cause}. To fix: {fix}" if cause else f"{told}."


def _first_run(done: Rehearsal) -> Iterator[str]:
    if done.pause is None and len(done.timeline) > 1 and done.states["sent"]:
        yield (
            f"A single run of booking_batch would send {done.timeline[0][1]} and leave the others queued; that they"
            " go as soon as they may needs make deliver, or further runs."
        )


def _arrivals(done: Rehearsal) -> Iterator[str]:
    taken = sorted(mail.taken[0] for mail in done.mails if mail.taken)
    if taken:
        half = median(taken)
        last = span_words(taken[-1])
        yield f"Half of those who get one would have their mail after {span_words(half)}, the last after {last}."


def verdict(seen: Seen) -> str:
    """One sentence on it all. Mails that fail in a rehearsal fail no job: to see that is what it is for."""
    first = seen.rehearsals[0]
    rows = first.booked.rows if first.booked else 0
    counts.tell(rows=rows, days=len(seen.rehearsals), mails_rehearsed=len(first.mails))
    if seen.only is not None:
        return f"Rehearsed; nothing was sent and nothing was changed. {seen.only.sentence()}"
    good = sum(is_good(done) for done in seen.rehearsals)
    paused = sum(done.pause is not None for done in seen.rehearsals)
    late = sum(bool(done.too_late) for done in seen.rehearsals)
    return (
        f"Rehearsed {len(seen.rehearsals)} days; nothing was sent and nothing was changed. On {good} every mail"
        f" would be sent in time, on {paused} the mail account would be paused until somebody acts, on {late} some"
        " mails would come too late."
    )


def is_good(done: Rehearsal) -> bool:
    """Whether everybody would get the mail in time."""
    return done.pause is None and not done.without and not done.too_late
