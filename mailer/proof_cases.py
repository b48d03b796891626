"""Which mails are to be proven, and what the record says of each. Reading them back and judging them is elsewhere."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailer.proof_checks import Booked
from store import bulk, session_keys, sessions
from store.announcements import calendar_uid
from store.database import Database, among, fetch, viewing
from store.errors import NotFound
from store.facts import CANCELLED, Facts, HandOver
from store.session_keys import KeyRing
from store.sessions import SessionView

CHUNK = 500

_LISTED = "SELECT n.id, n.kind, n.state, n.message_id FROM notification n"
_NEWER = (
    "EXISTS (SELECT 1 FROM notification m WHERE m.interview_id = n.interview_id AND m.id > n.id"
    " AND m.state <> 'superseded'{also})"
)
_CASES = (
    "SELECT n.id, n.interview_id, n.kind, n.state, n.recipient, n.message_id, n.facts, n.hand_over, n.reply, n.fix,"
    f" NOT {_NEWER.format(also='')}, s.public, s.key_id, {sessions.VIEW_COLUMNS}"
    f" FROM notification n JOIN interview_session s ON s.interview_id = n.interview_id {sessions.VIEW_JOINS}"
)
_OWN_COLUMNS = 13


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail that is to be proven."""

    id: int
    kind: str
    state: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """One mail and its interview, as the record has them now. `is_newest`: no later mail of the interview stands."""

    id: int
    interview_id: int
    kind: str
    state: str
    recipient: str = field(repr=False)
    message_id: str
    facts: Facts = field(repr=False)
    hand_over: HandOver | None
    reply: str
    fix: str
    is_newest: bool
    public: str = field(repr=False)
    key_id: str
    view: SessionView = field(repr=False)

    def booked(self, ring: KeyRing, database: str) -> Booked:
        """What the mail must be and say, once it was handed over.

        The newest mail must say what the interview is now. An older one says what was booked then, and a cancelled
        one the time that the candidate was told.
        """
        key = session_keys.session_key(self.public, self.key_id, self.view.generation, ring)
        facts = replace(self.facts, calendar_uid=calendar_uid(self.interview_id, database))
        if self.is_newest and self.kind != CANCELLED:
            view = self.view
            facts = replace(facts, starts_at=view.started_at, ends_at=view.ended_at, timezone=view.timezone)
        return Booked(facts, self.hand_over, self.recipient, session_keys.link(self.hand_over.backend_url, key))


def listed(db: Database, *, notification_ids: Sequence[int] | None, batch_id: int | None) -> list[Listed]:
    """The mails of that list, or of that batch, or of the whole record: of these two each interview's newest.

    Superseded mails are left out unless they are named. Raises NotFound for an id that is no mail's.
    """
    if notification_ids is not None:
        rows = fetch(
            db, f"{_LISTED} WHERE {among(db, 'n.id')} ORDER BY n.id", (bulk.values(db, list(notification_ids)),)
        )
        missing = set(notification_ids) - {row[0] for row in rows}
        if missing:
            raise NotFound("notification_ids", min(missing))
    elif batch_id is not None:
        newest = f"n.state <> 'superseded' AND NOT {_NEWER.format(also=' AND m.batch_id = n.batch_id')}"
        rows = fetch(db, f"{_LISTED} WHERE n.batch_id = ? AND {newest} ORDER BY n.id", (batch_id,))
    else:
        rows = fetch(db, f"{_LISTED} WHERE n.state <> 'superseded' AND NOT {_NEWER.format(also='')} ORDER BY n.id")
    return [Listed(*row) for row in rows]


def sampled(mails: Sequence[Listed], size: int | None, doubtful: Collection[int]) -> list[Listed]:
    """All mails, or `size` of them, the same ones each time and spread over the whole.

    Every `doubtful` one and one of every kind is among them, even if that makes more than `size`. Raises ValueError
    for a size below 1.
    """
    if size is None or size >= len(mails):
        return list(mails)
    if size < 1:
        raise ValueError(f"a sample has at least 1 mail, not {size}")
    chosen = {mail.id for mail in mails if mail.id in doubtful}
    chosen |= {mail.id for mail in {mail.kind: mail for mail in reversed(mails)}.values()}
    others = [mail.id for mail in mails if mail.id not in chosen]
    room = max(0, min(size - len(chosen), len(others)))
    chosen |= {others[(2 * number + 1) * len(others) // (2 * room)] for number in range(room)}
    return [mail for mail in mails if mail.id in chosen]


def cases(db: Database, ids: Sequence[int]) -> Iterator[list[Case]]:
    """What the record says of these mails, in their order, a chunk at a time; each chunk is one view of the record."""
    for start in range(0, len(ids), CHUNK):
        chunk = bulk.values(db, ids[start : start + CHUNK])
        with viewing(db):
            rows = fetch(db, f"{_CASES} WHERE {among(db, 'n.id')} ORDER BY n.id", (chunk,))
        yield [_case(row) for row in rows]


def _case(row: tuple) -> Case:
    facts, hand_over, reply, fix, newest, public, key_id = row[6:_OWN_COLUMNS]
    return Case(
        *row[:6], Facts.from_json(facts), HandOver.from_json(hand_over) if hand_over else None, reply or "", fix or "",
        bool(newest), public, key_id, sessions.view_of(row[_OWN_COLUMNS:]),
    )  # fmt: skip
