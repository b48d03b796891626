"""A session's access window, what its page shows, and the actual start. Keys and cookies are elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store import events, questions, times
from store.database import Database, execute, fetch, writing
from store.errors import NotAdmitted, NotFound

EARLY, WAITING, OPEN, RUNNING = "early", "waiting", "open", "running"
LATE, DONE, CANCELLED = "late", "done", "cancelled"
STATES = (EARLY, WAITING, OPEN, RUNNING, LATE, DONE, CANCELLED)

GRACE = timedelta(seconds=30)
"""How long after the booked end a begun interview still takes what a slow network delivers late."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the access window says at one instant, and the instants it turns at. All are aware UTC.

    `deadline` is the booked end, which the candidate's countdown shows; a begun interview is done GRACE later.
    """

    state: str
    opens_at: datetime
    starts_at: datetime
    closes_at: datetime
    deadline: datetime

    @property
    def ends_at(self) -> datetime:
        """The last instant for saving and finishing; at it, a begun interview is done."""
        return self.deadline + GRACE


def window(
    *,
    started_at: datetime,
    ended_at: datetime,
    opens_before: int,
    closes_after: int,
    interview_state: str,
    begun_at: datetime | None,
    finished_at: datetime | None,
    now: datetime,
) -> Access:
    """The one rule for who is let in when. `opens_before` and `closes_after` are minutes.

    Intervals are half-open: at its first instant a state holds, at its last it does not. In this order: finished is
    done; cancelled is cancelled, even if it had begun; begun is running until `ended_at` + GRACE, then done; else
    early, waiting, open until min(start + closes_after, end), late.
    """
    opens_at = started_at - timedelta(minutes=opens_before)
    closes_at = min(started_at + timedelta(minutes=closes_after), ended_at)
    has_begun, past_end = begun_at is not None, (now - ended_at).total_seconds()
    if is_over(interview_state, has_begun=has_begun, is_finished=finished_at is not None, past_end=past_end):
        state = DONE
    elif interview_state == "cancelled":
        state = CANCELLED
    elif has_begun:
        state = RUNNING
    elif now < opens_at:
        state = EARLY
    elif now < started_at:
        state = WAITING
    else:
        state = OPEN if now < closes_at else LATE
    return Access(state, opens_at, started_at, closes_at, ended_at)


def is_over(interview_state: str, *, has_begun: bool, is_finished: bool, past_end: float) -> bool:
    """Whether an interview is done: completed, finished, or begun and `past_end`, the seconds since its end, is GRACE."""
    if is_finished or interview_state == "completed":
        return True
    return has_begun and interview_state != "cancelled" and past_end >= GRACE.total_seconds()


@dataclass(frozen=True, slots=True)
class SessionView:
    """All that a session's page needs, from one read. Instants are aware UTC, opens_before and closes_after minutes.

    `booking_notes` is empty for a cancelled interview, `candidate_timezone` where it is not known.
    """

    session_id: int
    interview_id: int
    generation: int
    candidate_name: str
    candidate_timezone: str
    job_title: str
    company_name: str
    started_at: datetime
    ended_at: datetime
    timezone: str
    opens_before: int
    closes_after: int
    interview_state: str
    reference: str
    booking_notes: str
    opened_at: datetime | None
    begun_at: datetime | None
    finished_at: datetime | None

    @property
    def code(self) -> str:
        """What the candidate can name this interview by; the page and proof use it too."""
        return interview_code(self.interview_id)

    def access(self, now: datetime) -> Access:
        """What the access window says at `now`."""
        return window(
            started_at=self.started_at,
            ended_at=self.ended_at,
            opens_before=self.opens_before,
            closes_after=self.closes_after,
            interview_state=self.interview_state,
            begun_at=self.begun_at,
            finished_at=self.finished_at,
            now=now,
        )

    def zones(self) -> list[str]:
        """The booked zone, then the candidate's where its clock differs."""
        zones = [self.timezone]
        if self.candidate_timezone:
            booked = times.in_zone(self.started_at, self.timezone).utcoffset()
            if times.in_zone(self.started_at, self.candidate_timezone).utcoffset() != booked:
                zones.append(self.candidate_timezone)
        return zones


def interview_code(interview_id: int) -> str:
    """`IV-12`: how pages name an interview."""
    return f"IV-{interview_id}"


VIEW_COLUMNS = (
    "s.id, i.id, s.generation, c.name, c.timezone, j.title, j.company, i.started_at, i.ended_at, i.timezone,"
    " i.opens_before, i.closes_after, i.state, i.reference, b.booking_notes, s.opened_at, s.begun_at, s.finished_at"
)
VIEW_JOINS = (
    "JOIN interview i ON i.id = s.interview_id JOIN candidate c ON c.id = i.candidate_id JOIN job j ON j.id = i.job_id"
    " LEFT JOIN interview_schedule b ON b.interview_id = i.id AND b.state = 'booked'"
)
_BY_ID = f"SELECT {VIEW_COLUMNS} FROM interview_session s {VIEW_JOINS} WHERE s.id = ?"


def view_of(row: tuple) -> SessionView:
    """The view made from a row of VIEW_COLUMNS."""
    instants = [None if value is None else times.from_epoch(value) for value in (*row[7:9], *row[15:18])]
    return SessionView(*row[:7], *instants[:2], *row[9:14], row[14] or "", *instants[2:])


def load(db: Database, session_id: int) -> SessionView:
    """The session's view. Raises NotFound."""
    rows = fetch(db, _BY_ID, (session_id,))
    if not rows:
        raise NotFound("session_id", session_id)
    return view_of(rows[0])


def turns(view: SessionView, access: Access, now: datetime) -> dict[str, str | None]:
    """What a page's script lives by: the state, the server's clock, and the instants at which the state turns."""
    return {
        "state": access.state,
        "server_time": times.to_utc(now).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "opens_at": times.iso(access.opens_at),
        "starts_at": times.iso(access.starts_at),
        "closes_at": times.iso(access.closes_at),
        "deadline": times.iso(access.deadline),
        "ends_at": times.iso(access.ends_at),
        "begun_at": times.iso(view.begun_at) if view.begun_at else None,
    }


def begin(db: Database, session_id: int, now: datetime) -> SessionView:
    """Records the actual start, once, with the questions that are asked; one that is running comes back as it is.

    Raises NotAdmitted when the access window is not open, NotFound for an unknown session.
    """
    view = _admitted(load(db, session_id), now)
    if view.begun_at is not None:
        return view
    # Bookings are moved and cancelled by the same writers: looked at again where none of them can be.
    with writing(db):
        view = _admitted(load(db, session_id), now)
        if view.begun_at is None:
            execute(db, "UPDATE interview_session SET begun_at = ? WHERE id = ?", (times.epoch(now), session_id))
            questions.copy_to_session(db, session_id)
            events.record(db, "begun", at=times.epoch(now), interview_id=view.interview_id)
            view = load(db, session_id)
    return view


def _admitted(view: SessionView, now: datetime) -> SessionView:
    access = view.access(now)
    if access.state not in (OPEN, RUNNING):
        raise NotAdmitted(access.state, access.opens_at)
    return view
