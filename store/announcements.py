"""Which mail a change of an interview causes, and the outbox rows for it. Claiming and sending are `outbox`'s."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from store import bulk
from store.database import Database, among, execute, fetch, is_sqlite
from store.facts import CANCELLED, INVITATION, RESCHEDULED, Facts

COLUMNS = ("id", "interview_id", "kind", "occurrence", "state", "recipient", "facts", "message_id", "token", "batch_id",
           "due_at", "attempts", "created_at")  # fmt: skip


@dataclass(slots=True)
class Told:
    """What a candidate may have read about an interview, and how many mails of each kind it had."""

    last: Facts | None = None
    occurrences: dict[str, int] = field(default_factory=dict)

    def kind_for_booking(self) -> str:
        """An unsent invitation is succeeded by an invitation; so is a cancellation that was sent."""
        return INVITATION if self.last is None or self.last.kind == CANCELLED else RESCHEDULED

    def needs_cancellation(self) -> bool:
        """Whether the candidate believes in an interview that is to be cancelled."""
        return self.last is not None and self.last.kind != CANCELLED

    def next_occurrence(self, kind: str) -> int:
        self.occurrences[kind] = self.occurrences.get(kind, 0) + 1
        return self.occurrences[kind]


def supersede(db: Database, interview_ids: Sequence[int], now: float) -> dict[int, Told]:
    """Takes the unsent mails of these interviews out of the outbox; gives what was told about each before.

    A row that was handed to the server may have been read, so its facts count as told. Rows are locked in id order.
    """
    told: dict[int, Told] = {interview_id: Told() for interview_id in interview_ids}
    if not told:
        return told
    ids = bulk.values(db, sorted(told))
    lock = "" if is_sqlite(db) else " FOR UPDATE"
    sql = (
        "SELECT interview_id, kind, occurrence, handed_over_at, facts FROM notification"
        f" WHERE {among(db, 'interview_id')} ORDER BY id{lock}"
    )
    for interview_id, kind, occurrence, handed_over_at, facts in fetch(db, sql, (ids,)):
        entry = told[interview_id]
        entry.occurrences[kind] = max(occurrence, entry.occurrences.get(kind, 0))
        if handed_over_at is not None:
            entry.last = Facts.from_json(facts)
    execute(
        db,
        "UPDATE notification SET state = 'superseded', settled_at = ?, owner = NULL, lease_until = NULL"
        f" WHERE state IN ('queued', 'claimed', 'failed', 'unknown') AND {among(db, 'interview_id')}",
        (now, ids),
    )
    return told


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Announcement:
    """One mail to be queued; `facts` holds the fields of `store.facts.Facts` in its JSON form."""

    interview_id: int
    kind: str
    occurrence: int
    recipient: str
    facts: dict[str, object]


def enqueue(
    db: Database, announcements: Sequence[Announcement], *, host: str, batch_id: int | None, now: float
) -> list[int]:
    """Queues mails, each with a Message-ID at `host` of its own; gives their ids in order."""
    ids = bulk.next_ids(db, "notification", len(announcements))
    randomness = secrets.token_bytes(12 * len(announcements)).hex()
    rows = []
    for index, (notification_id, mail) in enumerate(zip(ids, announcements, strict=True)):
        token = randomness[24 * index : 24 * index + 24]
        rows.append((
            notification_id, mail.interview_id, mail.kind, mail.occurrence, "queued", mail.recipient, _encode(mail.facts),
            f"<{token}@{host}>", token, batch_id, now, 0, now,
        ))  # fmt: skip
    bulk.insert(db, "notification", COLUMNS, rows)
    return list(ids)


def calendar_uid(interview_id: int, database_id: str) -> str:
    """The calendar's name of an interview, the same for its whole life (RFC 7986 section 5.3)."""
    return f"interview-{interview_id}@{database_id}"
