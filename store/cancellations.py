"""What may be cancelled, and the cancelling: place, interview and mail of any number of interviews in one transaction.

Who asks, and what the answer is called, is in `booking` for one interview and in `cancel_batches` for many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from store import announcements, bulk, events
from store.announcements import Announcement, Told
from store.database import Database, among, execute, fetch
from store.facts import CANCELLED
from store.sessions import is_over

REFUSALS = {
    "interview_completed": ("The interview is completed.", "nothing is left to cancel."),
    "interview_started": ("The interview has begun.", "let it end, or talk to the candidate."),
    "slot_past": ("The interview's time is over.", "nothing is left to cancel."),
}
"""Code of what hinders it → what is said and what to do."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """An interview as it is looked at before it is cancelled. Instants are epoch seconds; `job` is the job's identity.

    `schedule_id` and `slot_id` are None while it holds no place.
    """

    interview_id: int
    email: str
    address: str
    job: str
    job_title: str
    company_name: str
    round: int
    starts_at: float
    ends_at: float
    timezone: str
    state: str
    sequence: int
    schedule_id: int | None
    slot_id: int | None
    begun_at: float | None
    finished_at: float | None
    is_test: bool

    @property
    def is_cancelled(self) -> bool:
        return self.state == "cancelled"

    def hindrance(self, now: float) -> str:
        """The code of what forbids to cancel it at `now`; empty if nothing does."""
        has_begun, is_finished = self.begun_at is not None, self.finished_at is not None
        if is_over(self.state, has_begun=has_begun, is_finished=is_finished, past_end=now - self.ends_at):
            return "interview_completed"
        if has_begun:
            return "interview_started"
        return "slot_past" if self.ends_at <= now else ""


_APPOINTMENTS = (
    "SELECT i.id, c.email, c.address, j.identity, j.title, j.company, i.round, i.started_at, i.ended_at, i.timezone,"
    " i.state, i.sequence, h.id, h.slot_id, s.begun_at, s.finished_at, i.is_test FROM interview i"
    " JOIN candidate c ON c.id = i.candidate_id JOIN job j ON j.id = i.job_id"
    " LEFT JOIN interview_session s ON s.interview_id = i.id"
    " LEFT JOIN interview_schedule h ON h.interview_id = i.id AND h.state = 'booked'"
)
_AHEAD = f"{_APPOINTMENTS} WHERE h.id IS NOT NULL AND s.begun_at IS NULL AND NOT i.is_test AND i.ended_at > ?"


def with_ids(db: Database, interview_ids: Sequence[int]) -> dict[int, Appointment]:
    """The interviews of these ids that there are, by id."""
    found = _read(db, f"{_APPOINTMENTS} WHERE {among(db, 'i.id')}", bulk.values(db, list(interview_ids)))
    return {one.interview_id: one for one in found}


def of_candidates(db: Database, addresses: Sequence[str]) -> list[Appointment]:
    """Every interview of the candidates with these addresses (see `addresses.identity`) but tests, by id."""
    condition = f"{among(db, 'c.address')} AND NOT i.is_test"
    return _read(db, f"{_APPOINTMENTS} WHERE {condition} ORDER BY i.id", bulk.values(db, list(addresses)))


def ahead(db: Database, now: float, limit: int) -> list[Appointment]:
    """The booked interviews that have not begun, the next ones first; tests are left out."""
    return _read(db, f"{_AHEAD} ORDER BY i.started_at, i.id LIMIT ?", now, limit)


def _read(db: Database, sql: str, *parameters: object) -> list[Appointment]:
    return [Appointment(*row[:-1], is_test=bool(row[-1])) for row in fetch(db, sql, parameters)]


def cancel(db: Database, appointments: Sequence[Appointment], *, host: str, now: float) -> dict[int, int | None]:
    """Frees their places and queues the mails of those whose candidates were invited; interview id → the mail's id.

    To be called in the writer's transaction in which they were read, with none that anything hinders. `host` is that of
    the mails' Message-IDs, `now` epoch seconds.
    """
    ids = [one.interview_id for one in appointments]
    schedules = [one.schedule_id for one in appointments if one.schedule_id is not None]
    free = f"UPDATE interview_schedule SET state = 'cancelled', seat_id = NULL, changed_at = ? WHERE {among(db, 'id')}"
    execute(db, free, (now, bulk.values(db, schedules)))
    change = f"UPDATE interview SET state = 'cancelled', sequence = sequence + 1 WHERE {among(db, 'id')}"
    execute(db, change, (bulk.values(db, ids),))
    told = announcements.supersede(db, ids, now)
    mails = [_mail(one, told[one.interview_id]) for one in appointments if told[one.interview_id].needs_cancellation()]
    queued = announcements.enqueue(db, mails, host=host, batch_id=None, now=now)
    by_interview = dict.fromkeys(ids) | {
        mail.interview_id: mail_id for mail, mail_id in zip(mails, queued, strict=True)
    }
    events.record_many(db, [
        (now, "cancelled", one.interview_id, None,
         {"slot": one.slot_id, "notification": by_interview[one.interview_id]})
        for one in appointments
    ])  # fmt: skip
    return by_interview


def _mail(one: Appointment, told: Told) -> Announcement:
    facts = replace(told.last, kind=CANCELLED, sequence=one.sequence + 1, previous_starts_at=None)
    occurrence = told.next_occurrence(CANCELLED)
    return Announcement(one.interview_id, CANCELLED, occurrence, facts.recipient, facts.in_json_form())
