"""What the record tells about mails and interviews afterwards, for tables; changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from store import times
from store.accounts import Pause
from store.database import Database, fetch
from store.redaction import masked_address

PAUSED, HELD = "paused", "held"


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail as ops read it. `state` may be one of the derived ones (paused, held); `next_at` when it is tried next."""

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


_LATEST = (
    "SELECT n.id, n.interview_id, n.recipient, n.kind, n.state, n.attempts, n.reply, n.fix, n.due_at, i.started_at, i.timezone"
    " FROM notification n JOIN interview i ON i.id = n.interview_id"
    " WHERE n.id IN (SELECT max(m.id) FROM notification m WHERE m.interview_id IN"
    " (SELECT interview_id FROM batch_row WHERE batch_id = ? AND interview_id IS NOT NULL) GROUP BY m.interview_id)"
    " ORDER BY n.id"
)


def batch_mails(db: Database, batch_id: int, *, pause: Pause | None = None, resend: bool = True) -> list[MailRow]:
    """The newest mail of each interview that the batch's rows are about, booked by this batch or standing already."""
    return list(_rows(fetch(db, _LATEST, (batch_id,)), pause, resend))


def interview_mails(db: Database, interview_id: int, *, pause: Pause | None = None) -> list[MailRow]:
    """Every mail of one interview, oldest first."""
    sql = (
        "SELECT n.id, n.interview_id, n.recipient, n.kind, n.state, n.attempts, n.reply, n.fix, n.due_at, i.started_at,"
        " i.timezone FROM notification n JOIN interview i ON i.id = n.interview_id WHERE n.interview_id = ? ORDER BY n.id"
    )
    return list(_rows(fetch(db, sql, (interview_id,)), pause, True))


def _rows(found: list[tuple], pause: Pause | None, resend: bool) -> Iterator[MailRow]:
    for mail, interview, recipient, kind, state, attempts, reply, fix, due_at, started_at, zone in found:
        shown = PAUSED if state == "queued" and pause else HELD if state == "unknown" and resend else state
        waits = shown in ("queued", HELD)
        if shown == PAUSED:
            reply, fix = pause.reason, pause.fix
        yield MailRow(
            mail, interview, masked_address(recipient), kind, shown, attempts, reply or "", fix or "",
            times.from_epoch(due_at) if waits else None, times.from_epoch(started_at), zone,
        )  # fmt: skip


def interview_events(db: Database, interview_id: int) -> list[tuple[datetime, str, str]]:
    """What happened to an interview: (when, what, data as JSON), oldest first."""
    sql = "SELECT at, kind, data FROM event WHERE interview_id = ? ORDER BY id"
    return [(times.from_epoch(at), kind, data) for at, kind, data in fetch(db, sql, (interview_id,))]
