"""Sending a run's mails, what became of them, and which of them keep the job from ending well."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailer.delivery import DeliveryReport
from mailer.delivery import deliver as deliver_queued
from mailer.errors import ConfigurationRefused, MailerError
from notebooks.opened_run import Run
from notebooks.progress import bar
from store import accounts, history, sessions, times
from store.errors import Finding
from store.history import MailRow

if TYPE_CHECKING:
    from mailer.proof import ProofRow

log = logging.getLogger(__name__)

OTHERS_SECONDS = 20.0
"""So long a run waits for another program that is sending mails of the same interviews."""
NAMED_AT_MOST = 5
"""So many interviews stand in the one line that a job ends with."""
Newest = Callable[..., list[MailRow]]
"""Gives the newest mail of each interview of the run; takes `pause` and `resend` as `history` does."""


@dataclass(slots=True)
class Mailing:
    """What became of the mails of a run: the report, each interview's newest mail, what is wrong with the settings."""

    report: DeliveryReport = field(default_factory=DeliveryReport)
    rows: list[MailRow] = field(default_factory=list)
    is_wanted: bool = True
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: str = ""


def deliver(run: Run, newest: Newest, *, dry_run: bool, deliver_mail: bool, trace: bool) -> Mailing:
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
        pause = accounts.paused(run.db, account.fingerprint) if accounts.are_paused(run.db) else None
    except ConfigurationRefused as refused:
        mailing.findings = refused.findings
        for finding in refused.findings:
            log.error("[EMAIL NOT SENT] %s", finding.line())
    except MailerError as refused:
        mailing.trouble = refused.line()
        log.error("[EMAIL NOT SENT] %s", mailing.trouble)
    patience = OTHERS_SECONDS if mailing.is_wanted else 0
    mailing.rows = _at_rest(lambda: newest(pause=pause, resend=resend), patience)
    return mailing


def _at_rest(newest: Callable[[], list[MailRow]], patience: float) -> list[MailRow]:
    """The newest mails, once no other program is at work on one of them, or after `patience` seconds."""
    until = time.monotonic() + patience
    while True:
        rows = newest()
        if time.monotonic() >= until or not any(row.state in history.IN_HAND for row in rows):
            return rows
        time.sleep(1)


def reasons(mailing: Mailing) -> Iterator[str]:
    """Why the mails keep the job from ending well, a line each; none where all went or none were wanted."""
    yield from (finding.line() for finding in mailing.findings)
    if mailing.trouble:
        yield mailing.trouble
    if mailing.is_wanted and not mailing.findings:
        yield from _elsewhere([row for row in mailing.rows if row.state in history.IN_HAND])
        yield from _stuck([row for row in mailing.rows if row.state not in ("sent", "superseded", *history.IN_HAND)])


def _elsewhere(rows: Sequence[MailRow]) -> Iterator[str]:
    if rows:
        until = max((times.iso(row.next_at) for row in rows if row.next_at), default="its lease is over")
        yield (
            f"{counted(rows, 'mail')} in the hands of another program. To fix: let it end; if it was stopped, run this"
            f" again after {until}."
        )


def _stuck(rows: Sequence[MailRow]) -> Iterator[str]:
    if rows:
        yield f"{counted(rows, 'mail')} not sent.{named(rows)}: {_why(rows[0])} (The table of mails has every row.)"


def _why(row: MailRow) -> str:
    """The state of a mail, and what to do."""
    reply = f", {row.reply.rstrip('.')}" if row.reply else ""
    return f"{row.state}{reply}. To fix: {row.fix or 'see the log.'}"


def counted(found: Sequence[object], noun: str) -> str:
    """`1 mail is`, `2 mails are`"""
    return f"1 {noun} is" if len(found) == 1 else f"{len(found)} {noun}s are"


def named(rows: "Sequence[ProofRow] | Sequence[MailRow]") -> str:
    """The first few interviews, for who reads the log and has no table; the first one is what is told of."""
    codes = [sessions.interview_code(row.interview_id) for row in rows[:NAMED_AT_MOST]]
    more = f" and {len(rows) - NAMED_AT_MOST} more" if len(rows) > NAMED_AT_MOST else ""
    return f" {', '.join(codes)}{more}" + ("; of the first" if len(rows) > 1 else "")
