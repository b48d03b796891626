"""The steps of booking_batch.ipynb, one function a cell: plan, book, deliver, prove, and the verdict on all of it."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailer import mailboxes, proof
from mailer.delivery import DeliveryReport
from mailer.delivery import deliver as deliver_queued
from mailer.errors import ConfigurationRefused, MailerError
from mailer.proof import ProofReport, ProofRow
from notebooks import counts
from notebooks.opened_run import Run
from notebooks.progress import bar
from notebooks.stopping import JobFailed, telling
from store import accounts, batches, history, sample, sessions, times
from store.accounts import Pause
from store.batches import BatchReport
from store.errors import Finding, NotFound, SettingsError
from store.history import MailRow

log = logging.getLogger(__name__)

OTHERS_SECONDS = 20.0
"""So long a run waits for another program that is sending mails of the same file."""
NAMED_AT_MOST = 5
"""So many interviews stand in the one line that a job ends with."""
SAMPLE = "notebooks/data/candidates_sample.csv"


@telling
def candidates_file(batch_csv: str, prove_sample: int) -> Path:
    """The file to book; without a name the sample. A sample is copied with dates counted from today.

    Checks `prove_sample`, too.
    """
    if prove_sample < 0:
        what = f"prove_sample = {prove_sample} is no number of mails."
        raise SettingsError([Finding("parameters.prove_sample", what, "give 0 for every mail, or a number above it.")])
    return sample.with_real_dates(batch_csv or SAMPLE, Path("var/sample"), times.now().date())


@telling
def plan(run: Run, path: Path, fingerprint: str) -> BatchReport:
    """The plan to look at or to apply: the one with the fingerprint, or a new one."""
    if fingerprint:
        return _planned(run, path, fingerprint)
    with bar("planning") as progress:
        return batches.plan_batch(run.db, path, settings=run.settings, clock=times.now, progress=progress)


def _planned(run: Run, path: Path, fingerprint: str) -> BatchReport:
    try:
        return batches.planned(run.db, fingerprint, path, run.settings)
    except NotFound:
        what = f"fingerprint = {fingerprint[:40]!r} is that of no plan in this record."
        fix = 'copy it from the dry run of this file ("Fingerprint of this plan"), or leave it empty to plan now.'
        raise SettingsError([Finding("parameters.fingerprint", what, fix)]) from None


@telling
def book(run: Run, path: Path, planned: BatchReport, *, dry_run: bool, trace: bool) -> BatchReport:
    """Applies the plan; a dry run leaves it at that."""
    if dry_run:
        return planned
    with bar("booking", planned.rows) as progress:
        return batches.book_batch(
            run.db, path, settings=run.settings, ring=run.ring, clock=times.now, fingerprint=planned.fingerprint, trace=trace,
            progress=progress,
        )  # fmt: skip


@dataclass(slots=True)
class Mailing:
    """What became of the mails of a run: the report, each interview's newest mail, and what is wrong with the settings."""

    report: DeliveryReport = field(default_factory=DeliveryReport)
    rows: list[MailRow] = field(default_factory=list)
    is_wanted: bool = True
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: str = ""


@telling
def deliver(run: Run, booked: BatchReport, *, dry_run: bool, deliver_mail: bool, trace: bool) -> Mailing:
    """Sends what is queued, unless this is a dry run. Wrong mail settings are findings; the mails stay queued then."""
    checked = run.checked_mail
    notes = tuple(note.line() for note in (*checked.repairs, *checked.warnings))
    mailing = Mailing(notes=notes, is_wanted=deliver_mail and not dry_run)
    for note in mailing.notes:
        log.warning("EMAIL: Configuration check: %s", note)
    if dry_run:
        return mailing
    pause, resend = None, True
    try:
        account = checked.usable()
        resend = account.on_unknown == "resend"
        if deliver_mail:
            with bar("mailing") as progress:
                mailing.report = deliver_queued(
                    run.db, account=account, settings=run.settings, ring=run.ring, trace=trace, progress=progress
                )
        pause = accounts.paused(run.db, account.fingerprint)
    except ConfigurationRefused as refused:
        mailing.findings = refused.findings
        for finding in refused.findings:
            log.error("[EMAIL NOT SENT] %s", finding.line())
    except MailerError as refused:
        mailing.trouble = refused.line()
        log.error("[EMAIL NOT SENT] %s", mailing.trouble)
    mailing.rows = _rows_at_rest(run, booked, pause, resend, OTHERS_SECONDS if mailing.is_wanted else 0)
    return mailing


def _rows_at_rest(run: Run, booked: BatchReport, pause: Pause | None, resend: bool, patience: float) -> list[MailRow]:
    """The newest mails, once no other program is at work on one of them, or after `patience` seconds."""
    until = time.monotonic() + patience
    while True:
        rows = history.batch_mails(run.db, booked.batch_id, pause=pause, resend=resend)
        if time.monotonic() >= until or not any(row.state in history.IN_HAND for row in rows):
            return rows
        time.sleep(1)


@telling
def prove(run: Run, mailing: Mailing, *, portal_url: str, prove_sample: int) -> ProofReport | None:
    """Reads back every mail (or a sample) of the run and opens its link at the portal; None if nothing was to be mailed.

    Where the mailbox cannot be read, the links are opened all the same, and the mails are not checked.
    """
    if not mailing.is_wanted:
        return None
    checked, ids = run.checked_mail, [row.notification_id for row in mailing.rows]
    account = checked.account
    opened = mailboxes.opened_or_refused(checked, history.first_handed_over(run.db, ids))
    with opened as delivered, bar("proving", len(mailing.rows)) as progress:
        return proof.prove(
            run.db, notification_ids=ids, sample=prove_sample or None, mailbox=delivered,
            backend_url_of_portal=portal_url or run.settings.backend_url, settings=run.settings, ring=run.ring, now=times.now(),
            account_fingerprint=account.fingerprint if account else "", progress=progress,
        )  # fmt: skip


def verdict(booked: BatchReport, mailing: Mailing, proven: ProofReport | None, *, allow_refused: bool) -> str:
    """One sentence for a run that did what it was asked to. Raises JobFailed with every reason otherwise."""
    counts.tell(rows=booked.rows, **booked.outcomes, mails_sent=mailing.report.sent)
    reasons = list(_booking_reasons(booked, allow_refused))
    reasons += [finding.line() for finding in mailing.findings] + ([mailing.trouble] if mailing.trouble else [])
    if mailing.is_wanted and not mailing.findings:
        reasons += _mailing_reasons(mailing.rows)
    if proven is not None:
        reasons += _proof_reasons(proven)
    if reasons:
        raise JobFailed("\n".join(reasons))
    done = ", ".join(f"{count} {outcome}" for outcome, count in booked.outcomes.most_common())
    return f"Done: {done}; {mailing.report.sent} mails sent now. {proven.sentence if proven else ''}".strip()


def _proof_reasons(proven: ProofReport) -> Iterator[str]:
    failed = [row for row in proven.rows if row.verdict == proof.FAILED]
    if failed:
        first = failed[0]
        said = f"{_counted(failed, 'mail')} not proven.{_named(failed)}: {first.problems[0]}"
        yield f"{said} To fix: {first.fix} (The table of the proof has every row.)"
    if proven.not_read_back:
        yield f"The mails were not read back, so that their proof says nothing of what arrived. {proven.not_read_back}"


def _counted(found: Sequence[object], noun: str) -> str:
    """`1 mail is`, `2 mails are`"""
    return f"1 {noun} is" if len(found) == 1 else f"{len(found)} {noun}s are"


def _named(rows: Sequence[ProofRow] | Sequence[MailRow]) -> str:
    """The first few interviews, for who reads the log and has no table; the first one is what is told of."""
    codes = [sessions.interview_code(row.interview_id) for row in rows[:NAMED_AT_MOST]]
    more = f" and {len(rows) - NAMED_AT_MOST} more" if len(rows) > NAMED_AT_MOST else ""
    return f" {', '.join(codes)}{more}" + ("; of the first" if len(rows) > 1 else "")


def _mailing_reasons(rows: list[MailRow]) -> Iterator[str]:
    elsewhere = [row for row in rows if row.state in history.IN_HAND]
    if elsewhere:
        until = max((times.iso(row.next_at) for row in elsewhere if row.next_at), default="its lease is over")
        yield (
            f"{_counted(elsewhere, 'mail')} in the hands of another program. To fix: let it end; if it was stopped, run this"
            f" again after {until}."
        )
    stuck = [row for row in rows if row.state not in ("sent", "superseded", *history.IN_HAND)]
    if stuck:
        yield f"{_counted(stuck, 'mail')} not sent.{_named(stuck)}: {_why(stuck[0])} (The table of mails has every row.)"


def _why(row: MailRow) -> str:
    """The state of a mail, and what to do."""
    reply = f", {row.reply.rstrip('.')}" if row.reply else ""
    return f"{row.state}{reply}. To fix: {row.fix or 'see the log.'}"


def _booking_reasons(booked: BatchReport, allow_refused: bool) -> Iterator[str]:
    if booked.failed:
        rows = "1 row" if booked.failed == 1 else f"{booked.failed} rows"
        yield f"{rows} failed. To fix: see the table of rows."
    if booked.refused and not allow_refused:
        one = booked.refused == 1
        yield (
            f"{'1 row is' if one else f'{booked.refused} rows are'} refused. To fix: correct {'it' if one else 'them'} in"
            " the file, or set allow_refused to True."
        )
