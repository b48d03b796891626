"""The slots that may still be booked into, as ops look for one. Changes nothing; what may be booked, `rules` decides."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from store import bulk, pages, times
from store.database import Database, among, fetch, viewing
from store.errors import NotFound
from store.ids import is_id


@dataclass(frozen=True, slots=True)
class UpcomingSlot:
    """A slot that is open and has not begun. Instants are aware UTC; `interviews` are the ids that hold its places."""

    id: int
    job_title: str
    company_name: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    interviews: tuple[int, ...]

    @property
    def free(self) -> int:
        """How many of its places nobody holds."""
        return self.capacity - len(self.interviews)


_UPCOMING = (
    "SELECT s.id, j.title, j.company, s.starts_at, s.ends_at, (SELECT count(*) FROM seat t WHERE t.slot_id = s.id)"
    " FROM interview_slot s JOIN job j ON j.id = s.job_id WHERE s.state = 'open' AND s.starts_at > ? AND s.id > ?"
)


def upcoming(
    db: Database,
    interview_id: int | None = None,
    *,
    after: int = 0,
    limit: int = pages.ROWS,
    now: datetime,
) -> list[UpcomingSlot]:
    """At most `limit` open slots that begin after `now`, with ids above `after`, lowest id first.

    All of them, full ones too, or those of one interview's job. Raises NotFound for an unknown interview, PageRefused.
    """
    pages.check(after, limit)
    condition, parameters = "", [times.epoch(now), after]
    if interview_id is not None:
        condition = " AND s.job_id = ?"
        parameters.append(_job_of(db, interview_id))
    with viewing(db):
        rows = fetch(db, f"{_UPCOMING}{condition} ORDER BY s.id LIMIT ?", (*parameters, limit))
        held = _held(db, [row[0] for row in rows])
    return [_slot(row, held[row[0]]) for row in rows]


def _job_of(db: Database, interview_id: int) -> int:
    jobs = fetch(db, "SELECT job_id FROM interview WHERE id = ?", (interview_id,)) if is_id(interview_id) else []
    if not jobs:
        raise NotFound("interview_id", interview_id)
    return jobs[0][0]


def _held(db: Database, slot_ids: list[int]) -> defaultdict[int, list[int]]:
    """Slot id → the interviews that hold its places."""
    held = defaultdict(list)
    sql = (
        "SELECT h.slot_id, h.interview_id FROM interview_schedule h"
        f" WHERE h.state = 'booked' AND {among(db, 'h.slot_id')} ORDER BY h.interview_id"
    )
    for slot_id, interview_id in fetch(db, sql, (bulk.values(db, slot_ids),)) if slot_ids else ():
        held[slot_id].append(interview_id)
    return held


def _slot(row: tuple, interviews: list[int]) -> UpcomingSlot:
    slot_id, title, company, starts_at, ends_at, capacity = row
    return UpcomingSlot(
        slot_id, title, company, times.from_epoch(starts_at), times.from_epoch(ends_at), capacity, tuple(interviews)
    )
