"""The steps of booking_batch.ipynb, one function a cell: plan, book, deliver, prove, and the verdict on all of it."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from notebooks import counts, mailing_steps
from notebooks.mailing_steps import Mailing
from notebooks.opened_run import Run
from notebooks.progress import bar
from notebooks.stopping import JobFailed, telling
from store import batches, history, sample, times
from store.batches import BatchReport
from store.errors import Finding, NotFound, SettingsError
from store.plain_text import quoted

if TYPE_CHECKING:
    from mailer.proof import ProofReport

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
        what = f"fingerprint = {quoted(fingerprint)} is that of no plan in this record."
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


@telling
def deliver(run: Run, booked: BatchReport, *, dry_run: bool, deliver_mail: bool, trace: bool) -> Mailing:
    """Sends what is queued, unless this is a dry run; the mails are those of the file's interviews."""
    newest = partial(history.batch_mails, run.db, booked.batch_id)
    return mailing_steps.deliver(run, newest, dry_run=dry_run, deliver_mail=deliver_mail, trace=trace)


@telling
def prove(run: Run, mailing: Mailing, *, portal_url: str, prove_sample: int) -> "ProofReport | None":
    """Reads back every mail (or a sample) of the run and opens its link at the portal; None if nothing was to be mailed.

    Where the mailbox cannot be read, the links are opened all the same, and the mails are not checked.
    """
    if not mailing.is_wanted:
        return None
    # Here, for a run that sends nothing need not wait for it.
    from mailer import mailboxes, proof

    checked, ids = run.checked_mail, [row.notification_id for row in mailing.rows]
    account = checked.account
    opened = mailboxes.opened_or_refused(checked, history.first_handed_over(run.db, ids))
    with opened as delivered, bar("proving", len(mailing.rows)) as progress:
        return proof.prove(
            run.db, notification_ids=ids, sample=prove_sample or None, mailbox=delivered,
            backend_url_of_portal=portal_url or run.settings.backend_url, settings=run.settings, ring=run.ring, now=times.now(),
            account_fingerprint=account.fingerprint if account else "", progress=progress,
        )  # fmt: skip


def verdict(booked: BatchReport, mailing: Mailing, proven: "ProofReport | None", *, allow_refused: bool) -> str:
    """One sentence for a run that did what it was asked to. Raises JobFailed with every reason otherwise."""
    before = {"done_in_an_earlier_run": booked.skipped} if booked.skipped else {}
    counts.tell(rows=booked.rows, **booked.outcomes, **before, mails_sent=mailing.report.sent)
    reasons = [*_booking_reasons(booked, allow_refused), *mailing_steps.reasons(mailing)]
    if proven is not None:
        reasons += _proof_reasons(proven)
    if reasons:
        raise JobFailed("\n".join(reasons))
    done = ", ".join(f"{count} {outcome}" for outcome, count in booked.outcomes.most_common())
    done += f" ({booked.skipped} of all in an earlier run)" if booked.skipped else ""
    return f"Done: {done}; {mailing.report.sent} mails sent now. {proven.sentence if proven else ''}".strip()


def _proof_reasons(proven: "ProofReport") -> Iterator[str]:
    from mailer import proof

    failed = [row for row in proven.rows if row.verdict == proof.FAILED]
    if failed:
        first = failed[0]
        said = f"{mailing_steps.counted(failed, 'mail')} not proven.{mailing_steps.named(failed)}: {first.problems[0]}"
        yield f"{said} To fix: {first.fix} (The table of the proof has every row.)"
    if proven.not_read_back:
        yield f"The mails were not read back, so that their proof says nothing of what arrived. {proven.not_read_back}"


def _booking_reasons(booked: BatchReport, allow_refused: bool) -> Iterator[str]:
    if booked.failed:
        rows = "1 row" if booked.failed == 1 else f"{booked.failed} rows"
        yield f"{rows} failed: {_lines(booked.first_failed, booked.failed)}. To fix: see the table of rows."
    if booked.refused and not allow_refused:
        one = booked.refused == 1
        yield (
            f"{'1 row is' if one else f'{booked.refused} rows are'} refused:"
            f" {_lines(booked.first_refused, booked.refused)}. To fix: correct {'it' if one else 'them'} in {booked.source}"
            " as the table of rows says, or set allow_refused to True to let the job end well without"
            f" {'it' if one else 'them'}."
        )


def _lines(first: Sequence[tuple[int, str]], count: int) -> str:
    """`line 3 (email_invalid), line 9 (slot_past) and 4 more`"""
    more = f" and {count - len(first)} more" if count > len(first) else ""
    return ", ".join(f"line {line} ({code})" if code else f"line {line}" for line, code in first) + more
