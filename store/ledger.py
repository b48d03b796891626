"""What is known about the requests at hand: candidates, jobs, slots with their places, and how each interview stands.

Loaded in a few set-based queries for any number of requests, then kept in memory while rows are decided one after the
other, each seeing what the ones before it took. Places are counted; which seat it is, `seats` says. Decides and writes
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from store import bulk
from store.database import Database, among, fetch
from store.requests import BookingRequest
from store.seats import Seat
from store.sessions import is_over


@dataclass(slots=True, eq=False)
class Person:
    id: int | None
    address: str
    email: str
    name: str
    timezone: str
    standings: list["Standing"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class JobEntry:
    id: int | None
    identity: str
    title: str
    company: str


@dataclass(slots=True, eq=False)
class Slot:
    """A slot and how many of its seats are booked; `highest` is its last seat's number. Instants are epoch seconds."""

    id: int | None
    job: JobEntry
    starts_at: float
    ends_at: float
    state: str = "open"
    capacity: int = 0
    booked: int = 0
    highest: int = 0


@dataclass(slots=True, eq=False)
class Standing:
    """How an interview stands. `slot` is None while it holds no place; `seat` is the one that the record gives it."""

    id: int | None
    person: Person
    job: JobEntry
    round: int
    starts_at: float
    ends_at: float
    state: str = "scheduled"
    sequence: int = 0
    reference: str = ""
    schedule_id: int | None = None
    slot: Slot | None = None
    seat: Seat | None = None
    begun_at: float | None = None
    finished_at: float | None = None
    is_test: bool = False

    def is_completed(self, now: float) -> bool:
        """Whether nothing of it can be booked any more; `sessions.is_over` has the rule."""
        return is_over(
            self.state, has_begun=self.begun_at is not None, is_finished=self.finished_at is not None,
            past_end=now - self.ends_at,
        )  # fmt: skip


def job_identity(company_name: str, job_title: str) -> str:
    """(company, title) compared without case."""
    return f"{company_name.casefold()}\x1f{job_title.casefold()}"


def find_jobs(db: Database, identities: Sequence[str]) -> dict[str, JobEntry]:
    """The jobs of these identities that the record knows."""
    sql = f"SELECT id, identity, title, company FROM job WHERE {among(db, 'identity')}"
    rows = fetch(db, sql, (bulk.values(db, identities),)) if identities else ()
    return {row[1]: JobEntry(*row) for row in rows}


class Ledger:
    """Everything the rules look at, for the requests loaded into it."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.jobs: dict[str, JobEntry] = {}
        self.slots: dict[tuple, Slot] = {}
        self.standings: dict[tuple, Standing] = {}
        self._slots_by_id: dict[int, Slot] = {}

    def load(self, db: Database, requests: Sequence[BookingRequest]) -> None:
        """Adds what the record holds about `requests`; what is known already is left as it is."""
        self._load_jobs(db, {job_identity(r.company_name, r.job_title): r for r in requests})
        people = self._load_people(db, {r.address: r for r in requests})
        self._load_slots(db, requests)
        self._load_standings(db, people)

    def _load_jobs(self, db: Database, wanted: dict[str, BookingRequest]) -> None:
        missing = [identity for identity in wanted if identity not in self.jobs]
        self.jobs |= find_jobs(db, missing)
        for identity in missing:
            if identity not in self.jobs:
                request = wanted[identity]
                self.jobs[identity] = JobEntry(None, identity, request.job_title, request.company_name)

    def _load_people(self, db: Database, wanted: dict[str, BookingRequest]) -> dict[int, Person]:
        missing = [address for address in wanted if address not in self.people]
        sql = f"SELECT id, address, email, name, timezone FROM candidate WHERE {among(db, 'address')}"
        found = {}
        for row in fetch(db, sql, (bulk.values(db, missing),)) if missing else ():
            self.people[row[1]] = found[row[0]] = Person(*row)
        for address in missing:
            if address not in self.people:
                request = wanted[address]
                self.people[address] = Person(
                    None, address, request.email, request.candidate_name, request.candidate_timezone
                )
        return found

    def _load_slots(self, db: Database, requests: Sequence[BookingRequest]) -> None:
        wanted = {self._slot_key(r) for r in requests} - self.slots.keys()
        jobs = {self.jobs[identity].id: self.jobs[identity] for identity, _, _ in wanted if self.jobs[identity].id}
        if jobs:
            starts = sorted({starts_at for _, starts_at, _ in wanted})
            condition = f"{among(db, 'job_id')} AND {among(db, 'starts_at')}"
            self._read_slots(db, condition, (bulk.values(db, list(jobs)), bulk.values(db, starts)), wanted)
        for key in wanted - self.slots.keys():
            identity, starts_at, ends_at = key
            self.slots[key] = Slot(None, self.jobs[identity], starts_at, ends_at)

    def _read_slots(self, db: Database, condition: str, parameters: tuple, wanted: set[tuple] | None = None) -> None:
        sql = (
            "SELECT s.id, s.starts_at, s.ends_at, s.state, j.id, j.identity, j.title, j.company"
            f" FROM interview_slot s JOIN job j ON j.id = s.job_id WHERE {condition}"
        )
        found = {}
        for slot_id, starts_at, ends_at, state, *job in fetch(db, sql, parameters):
            key = (job[1], starts_at, ends_at)
            if key not in self.slots and (wanted is None or key in wanted):
                entry = self.jobs.setdefault(job[1], JobEntry(*job))
                self.slots[key] = self._slots_by_id[slot_id] = found[slot_id] = Slot(
                    slot_id, entry, starts_at, ends_at, state
                )
        if found:
            self._count_places(db, found)

    @staticmethod
    def _count_places(db: Database, slots: dict[int, Slot]) -> None:
        ids = bulk.values(db, list(slots))
        sql = f"SELECT slot_id, count(*), max(number) FROM seat WHERE {among(db, 'slot_id')} GROUP BY slot_id"
        for slot_id, capacity, highest in fetch(db, sql, (ids,)):
            slots[slot_id].capacity, slots[slot_id].highest = capacity, highest
        # Only an active schedule has a seat.
        sql = f"SELECT slot_id, count(seat_id) FROM interview_schedule WHERE {among(db, 'slot_id')} GROUP BY slot_id"
        for slot_id, booked in fetch(db, sql, (ids,)):
            slots[slot_id].booked = booked

    def _load_standings(self, db: Database, people: dict[int, Person]) -> None:
        if not people:
            return
        sql = (
            "SELECT i.id, i.candidate_id, i.round, i.started_at, i.ended_at, i.state, i.sequence, i.reference,"
            " h.id, h.slot_id, t.id, t.number, s.begun_at, s.finished_at, j.id, j.identity, j.title, j.company,"
            " i.is_test FROM interview i JOIN job j ON j.id = i.job_id LEFT JOIN interview_session s ON s.interview_id = i.id"
            " LEFT JOIN interview_schedule h ON h.interview_id = i.id AND h.state = 'booked'"
            f" LEFT JOIN seat t ON t.id = h.seat_id WHERE {among(db, 'i.candidate_id')}"
        )
        rows = fetch(db, sql, (bulk.values(db, list(people)),))
        unknown = sorted({row[9] for row in rows if row[9] is not None} - self._slots_by_id.keys())
        if unknown:
            self._read_slots(db, among(db, "s.id"), (bulk.values(db, unknown),))
        for row in rows:
            self._keep_standing(people[row[1]], row)

    def _keep_standing(self, person: Person, row: tuple) -> None:
        job = self.jobs.setdefault(row[15], JobEntry(*row[14:18]))
        standing = Standing(
            id=row[0], person=person, job=job, round=row[2], starts_at=row[3], ends_at=row[4], state=row[5], sequence=row[6],
            reference=row[7], schedule_id=row[8], slot=self._slots_by_id.get(row[9]),
            seat=None if row[10] is None else Seat(row[11], row[10]), begun_at=row[12], finished_at=row[13],
            is_test=bool(row[18]),
        )  # fmt: skip
        self.standings[person.address, job.identity, standing.round] = standing
        person.standings.append(standing)

    @staticmethod
    def _slot_key(request: BookingRequest) -> tuple[str, float, float]:
        identity = job_identity(request.company_name, request.job_title)
        return identity, request.starts_at.timestamp(), request.ends_at.timestamp()

    def slot_of(self, request: BookingRequest) -> Slot:
        """The slot a loaded request asks for; one without an id does not exist yet."""
        return self.slots[self._slot_key(request)]

    def standing_of(self, request: BookingRequest) -> Standing | None:
        """How the requested interview stands, None if it does not exist."""
        return self.standings.get(
            (request.address, job_identity(request.company_name, request.job_title), request.round)
        )

    def overlapping(self, request: BookingRequest) -> Standing | None:
        """Another interview of the candidate that holds a place and overlaps (half-open intervals); tests never do."""
        if request.is_test:
            return None
        starts_at, ends_at = request.starts_at.timestamp(), request.ends_at.timestamp()
        mine = self.standing_of(request)
        for other in self.people[request.address].standings:
            if other is mine or other.is_test or other.slot is None:
                continue
            if other.starts_at < ends_at and starts_at < other.ends_at:
                return other
        return None

    @staticmethod
    def keep_capacity(slot: Slot, capacity: int) -> tuple[range, int]:
        """Brings a slot to `capacity` places; gives the numbers of the seats added and how many free ones go."""
        added = range(slot.highest + 1, slot.highest + 1 + max(0, capacity - slot.capacity))
        removed = max(0, slot.capacity - capacity)
        slot.capacity, slot.highest = capacity, slot.highest + len(added)
        return added, removed

    def take(self, request: BookingRequest, slot: Slot, standing: Standing | None) -> Standing:
        """Gives the request a place of `slot`, freeing the one its interview held; gives the standing."""
        if standing is None:
            person, job = self.people[request.address], slot.job
            standing = Standing(
                None,
                person,
                job,
                request.round,
                slot.starts_at,
                slot.ends_at,
                reference=request.reference,
                is_test=request.is_test,
            )
            self.standings[person.address, job.identity, request.round] = standing
            person.standings.append(standing)
        if standing.slot is not None:
            standing.slot.booked -= 1
        slot.booked += 1
        standing.slot, standing.seat, standing.state = slot, None, "scheduled"
        standing.starts_at, standing.ends_at = slot.starts_at, slot.ends_at
        return standing
