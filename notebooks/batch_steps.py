"""The steps of booking_batch.ipynb, one function a cell: plan, book, deliver, prove, and the verdict on all of it."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mailer import mailboxes, proof
from mailer.delivery import DeliveryReport
from mailer.delivery import deliver as deliver_queued
from mailer.errors import ConfigurationRefused, MailerError
from mailer.proof import ProofReport
from notebooks import counts
from notebooks.opened_run import Run
from notebooks.progress import bar
from notebooks.stopping import JobFailed, telling
from store import accounts, batches, history, places, sample, times
from store.accounts import Pause
from store.batches import BatchReport
from store.errors import Finding, SettingsError
from store.history import MailRow

log = logging.getLogger(__name__)

OTHERS_SECONDS = 20.0
"""So long a run waits for another program that is sending mails of the same file."""
SAMPLE = "notebooks/data/candidates_sample.csv"


@telling
def candidates_file(batch_csv: str, prove_sample: int) -> Path:
    """The file to book; without a name the sample, with dates counted from today. Checks `prove_sample`, too."""
    if prove_sample < 0:
        what = f"prove_sample = {prove_sample} is no number of mails."
        raise SettingsError([Finding("parameters.prove_sample", what, "give 0 for every mail, or a number above it.")])
    if batch_csv:
        return places.resolve(batch_csv)
    today = times.now().date()
    return sample.write_sample(Path(SAMPLE), Path(f"var/sample/candidates_{today.isoformat()}.csv"), today)


@telling
def plan(run: Run, path: Path, fingerprint: str) -> BatchReport:
    """The plan to look at or to apply: the one with the fingerprint, or a new one."""
    if fingerprint:
        return batches.planned(run.db, fingerprint, path, run.settings)
    with bar("planning") as progress:
        return batches.plan_batch(run.db, path, settings=run.settings, clock=times.now, progress=progress)


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
    """Reads back every mail (or a sample) of the run and opens its link at the portal; None if nothing was to be mailed."""
    if not mailing.is_wanted:
        return None
    checked, ids = run.checked_mail, [row.notification_id for row in mailing.rows]
    account = checked.account
    mailbox = mailboxes.readable(checked, history.first_handed_over(run.db, ids))
    with mailbox as delivered, bar("proving", len(mailing.rows)) as progress:
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
    if proven is not None and proven.counts["failed"]:
        reasons.append(f"{proven.counts['failed']} mails are not proven. To fix: see the table of the proof.")
    if reasons:
        raise JobFailed("\n".join(reasons))
    done = ", ".join(f"{count} {outcome}" for outcome, count in booked.outcomes.most_common())
    return f"Done: {done}; {mailing.report.sent} mails sent now. {proven.sentence if proven else ''}".strip()


def _mailing_reasons(rows: list[MailRow]) -> Iterator[str]:
    elsewhere = [row for row in rows if row.state in history.IN_HAND]
    if elsewhere:
        until = max((times.iso(row.next_at) for row in elsewhere if row.next_at), default="its lease is over")
        yield (
            f"{len(elsewhere)} mails are in the hands of another program. To fix: let it end; if it was stopped, run this"
            f" again after {until}."
        )
    stuck = [row for row in rows if row.state not in ("sent", "superseded", *history.IN_HAND)]
    if stuck:
        yield f"{len(stuck)} mails are not sent. To fix: see the table of mails, and the log."


def _booking_reasons(booked: BatchReport, allow_refused: bool) -> Iterator[str]:
    if booked.failed:
        yield f"{booked.failed} rows failed. To fix: see the table of rows."
    if booked.refused and not allow_refused:
        yield f"{booked.refused} rows are refused. To fix: correct them in the file, or set allow_refused to True."
