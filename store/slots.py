"""The slots that may still be booked into, as ops look for one. Changes nothing; what may be booked, `rules` decides."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from store import bulk, pages, times
from store.database import Database, among, fetch, viewing
from store.errors import NotFound
from store.ids import is_id
from store.pages import Page


@dataclass(frozen=True, slots=True)
class UpcomingSlot:
    """A slot that is open and has not begun. Instants are aware UTC.

    `free` is how many of its places nobody holds, `interviews` are the ids of those that do; a test's is not told.
    """

    id: int
    job_title: str
    company_name: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    free: int
    interviews: tuple[int, ...]


OF_CANDIDATES = (
    "EXISTS (SELECT 1 FROM interview_slot o JOIN interview_schedule p ON p.slot_id = o.id JOIN interview r"
    " ON r.id = p.interview_id WHERE o.job_id = s.job_id AND NOT r.is_test)"
)
"""Of a slot `s`: its job is one that candidates are interviewed for. A mail test makes a job and a slot of its own."""

_UPCOMING = (
    "SELECT s.id, j.title, j.company, s.starts_at, s.ends_at, (SELECT count(*) FROM seat t WHERE t.slot_id = s.id)"
    " FROM interview_slot s JOIN job j ON j.id = s.job_id WHERE s.state = 'open' AND s.starts_at > ? AND s.id > ?"
    f" AND {OF_CANDIDATES}"
)


def upcoming(
    db: Database,
    interview_id: int | None = None,
    *,
    after: int = 0,
    limit: int = pages.ROWS,
    now: datetime,
) -> Page[UpcomingSlot]:
    """At most `limit` open slots that begin after `now`, with ids above `after`, lowest id first.

    All of them, full ones too, or those of one interview's job; never a test's. Raises PageRefused, and NotFound for an
    unknown interview, as a test's is one here.
    """
    pages.check(after, limit)
    condition, parameters = "", [times.epoch(now), after]
    if interview_id is not None:
        condition = " AND s.job_id = ?"
        parameters.append(job_of(db, interview_id))
    with viewing(db):
        rows = fetch(db, f"{_UPCOMING}{condition} ORDER BY s.id LIMIT ?", (*parameters, limit + 1))
        held = _held(db, [row[0] for row in rows])
    return pages.cut((_slot(row, held[row[0]]) for row in rows), limit)


def job_of(db: Database, interview_id: int) -> int:
    """The id of the job that an interview is for. Raises NotFound; what only tries the mail is no interview here."""
    sql = "SELECT job_id FROM interview WHERE id = ? AND NOT is_test"
    jobs = fetch(db, sql, (interview_id,)) if is_id(interview_id) else []
    if not jobs:
        raise NotFound("interview_id", interview_id)
    return jobs[0][0]


def _held(db: Database, slot_ids: list[int]) -> defaultdict[int, list[tuple[int, bool]]]:
    """Slot id → the interviews that hold its places, and whether they are tests."""
    held = defaultdict(list)
    sql = (
        "SELECT h.slot_id, i.id, i.is_test FROM interview_schedule h JOIN interview i ON i.id = h.interview_id"
        f" WHERE h.state = 'booked' AND {among(db, 'h.slot_id')} ORDER BY i.id"
    )
    for slot_id, interview_id, is_test in fetch(db, sql, (bulk.values(db, slot_ids),)) if slot_ids else ():
        held[slot_id].append((interview_id, is_test))
    return held


def _slot(row: tuple, held: list[tuple[int, bool]]) -> UpcomingSlot:
    slot_id, title, company, starts_at, ends_at, capacity = row
    instants = times.from_epoch(starts_at), times.from_epoch(ends_at)
    interviews = tuple(interview_id for interview_id, is_test in held if not is_test)
    return UpcomingSlot(slot_id, title, company, *instants, capacity, capacity - len(held), interviews)
