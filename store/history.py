"""What the record tells about mails and interviews afterwards, for tables; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from store import bulk, times
from store.accounts import Pause
from store.database import Database, among, fetch
from store.outbox import UNKNOWN_RESENDS
from store.redaction import masked_address

PAUSED, HELD = "paused", "held"
IN_HAND = ("claimed", "handed_over")
"""The states of a mail that a program is sending, or was sending when it ended."""


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail as ops read it. `state` may be one of the derived ones (paused, held).

    `next_at` is when it is tried next; for one in hand, when its lease is over and another program may take it.
    """

    notification_id: int
    interview_id: int
    who: str
    kind: str
    state: str
    attempts: int
    reply: str
    fix: str
    next_at: datetime | None
    starts_at: datetime
    timezone: str


_MAILS = (
    "SELECT n.id, n.interview_id, n.recipient, n.kind, n.state, n.attempts, n.reply, n.fix, n.due_at, n.lease_until,"
    " i.started_at, i.timezone FROM notification n JOIN interview i ON i.id = n.interview_id"
)
_LATEST = (
    f"{_MAILS} WHERE n.id IN (SELECT max(m.id) FROM notification m WHERE {{}} GROUP BY m.interview_id) ORDER BY n.id"
)
_OF_BATCH = "m.interview_id IN (SELECT interview_id FROM batch_row WHERE batch_id = ? AND interview_id IS NOT NULL)"


def batch_mails(db: Database, batch_id: int, *, pause: Pause | None = None, resend: bool = True) -> list[MailRow]:
    """The newest mail of each interview that the batch's rows are about, booked by this batch or standing already."""
    return _rows(fetch(db, _LATEST.format(_OF_BATCH), (batch_id,)), pause, resend)


def newest_mails(
    db: Database, interview_ids: Sequence[int], *, pause: Pause | None = None, resend: bool = True
) -> list[MailRow]:
    """The newest mail of each of these interviews that has one."""
    sql = _LATEST.format(among(db, "m.interview_id"))
    return _rows(fetch(db, sql, (bulk.values(db, list(interview_ids)),)), pause, resend)


def interview_mails(db: Database, interview_id: int, *, pause: Pause | None = None) -> list[MailRow]:
    """Every mail of one interview, oldest first."""
    return _rows(fetch(db, f"{_MAILS} WHERE n.interview_id = ? ORDER BY n.id", (interview_id,)), pause, True)


def mails(db: Database, notification_ids: Sequence[int], *, pause: Pause | None = None) -> list[MailRow]:
    """These mails, oldest first."""
    sql = f"{_MAILS} WHERE {among(db, 'n.id')} ORDER BY n.id"
    return _rows(fetch(db, sql, (bulk.values(db, list(notification_ids)),)), pause, True)


def _rows(found: Sequence[tuple], pause: Pause | None, resend: bool) -> list[MailRow]:
    return [_row(row, pause, resend) for row in found]


def _row(row: tuple, pause: Pause | None, resend: bool) -> MailRow:
    mail, interview, recipient, kind, state, attempts, reply, fix, due_at, lease_until, started_at, zone = row
    shown, next_at = state, None
    if state == "queued":
        shown, next_at = (PAUSED, None) if pause else (state, due_at)
    elif state in IN_HAND:
        next_at = lease_until
    elif state == "unknown" and resend and attempts <= UNKNOWN_RESENDS:
        shown, next_at = HELD, due_at
    if shown == PAUSED:
        reply, fix = pause.reason, pause.fix
    return MailRow(
        mail, interview, masked_address(recipient), kind, shown, attempts, reply or "",
        _waiting_fix(mail, shown, next_at) or fix or "", None if next_at is None else times.from_epoch(next_at),
        times.from_epoch(started_at), zone,
    )  # fmt: skip


def _waiting_fix(mail: int, shown: str, next_at: float | None) -> str:
    """What to do about a mail that was left on its way; empty for one whose own reason says more."""
    if shown in IN_HAND:
        return f"the program that was sending it may have ended: {_again(next_at)}."
    if shown == HELD:
        return f"{_again(next_at)} (unless EMAIL_ON_UNKNOWN=hold); `python -m mailer resend {mail}` sends it now."
    if shown == "unknown":
        return f"find out whether it arrived; only `python -m mailer resend {mail}` sends it again."
    return ""


def _again(next_at: float | None) -> str:
    after = "when its lease is over" if next_at is None else f"after {_clock(next_at)}"
    return f"run the job again {after}, or leave `make deliver` running"


def _clock(moment: float) -> str:
    # The next full minute: at the one that has begun it may still be too early.
    return f"{times.from_epoch(ceil(moment / 60) * 60):%H:%M} UTC"


def first_handed_over(db: Database, notification_ids: Sequence[int]) -> datetime | None:
    """When the first of these mails was handed to a mail server; None if none was."""
    sql = f"SELECT min(handed_over_at) FROM notification WHERE {among(db, 'id')}"
    first = fetch(db, sql, (bulk.values(db, list(notification_ids)),))[0][0]
    return None if first is None else times.from_epoch(first)


def interview_events(db: Database, interview_id: int) -> list[tuple[datetime, str, str]]:
    """What happened to an interview: (when, what, data as JSON), oldest first."""
    sql = "SELECT at, kind, data FROM event WHERE interview_id = ? ORDER BY id"
    return [(times.from_epoch(at), kind, data) for at, kind, data in fetch(db, sql, (interview_id,))]
