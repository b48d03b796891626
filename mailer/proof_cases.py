"""Which mails are to be proven, and what the record says of each. Reading them back and judging them is elsewhere."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailer.proof_checks import Booked
from store import bulk, history, session_keys, sessions
from store.accounts import Pause
from store.announcements import calendar_uid
from store.database import Database, among, fetch, viewing
from store.errors import NotFound
from store.facts import CANCELLED, Facts, HandOver
from store.history import MailRow
from store.session_keys import KeyRing
from store.sessions import SessionView

CHUNK = 500

_NEWER = "SELECT max(m.id) FROM notification m WHERE m.interview_id = n.interview_id AND m.id > n.id AND m.state"
_IS_NEWEST = f"({_NEWER} <> 'superseded') IS NULL"
# An unsent mail waits for itself; one that was sent, for a later one that the candidate has not got yet.
_UNSENT = f"CASE WHEN n.state <> 'sent' THEN n.id ELSE ({_NEWER} NOT IN ('sent', 'superseded')) END"
# An alert to ops has no interview, so there is nothing to prove of it.
_LISTED = (
    f"SELECT n.id, n.kind, n.message_id, {_UNSENT} IS NOT NULL FROM notification n WHERE n.interview_id IS NOT NULL"
)
_CASES = (
    "SELECT n.id, n.interview_id, n.kind, n.state, n.recipient, n.message_id, n.token, n.facts, n.hand_over,"
    f" {_IS_NEWEST}, {_UNSENT}, s.public, s.key_id, {sessions.VIEW_COLUMNS}"
    f" FROM notification n JOIN interview_session s ON s.interview_id = n.interview_id {sessions.VIEW_JOINS}"
)
_NO_TESTS = " AND NOT EXISTS (SELECT 1 FROM interview i WHERE i.id = n.interview_id AND i.is_test)"
_UNSENT_COLUMN, _OWN_COLUMNS = 10, 13


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail that is to be proven. `is_unsent`: it was not sent, or a later mail of its interview was not."""

    id: int
    kind: str
    message_id: str
    is_unsent: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One mail and its interview, as the record has them now. `is_newest`: no later mail of the interview stands.

    `unsent` is the mail itself if it was not sent, else the latest later one of the interview that was not.
    """

    id: int
    interview_id: int
    kind: str
    state: str
    recipient: str = field(repr=False)
    message_id: str
    token: str = field(repr=False)
    facts: Facts = field(repr=False)
    hand_over: HandOver | None
    is_newest: bool
    unsent: MailRow | None
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
        link = session_keys.link(self.hand_over.backend_url, key)
        return Booked(facts, self.hand_over, self.recipient, link, self.message_id, self.token)


def listed(db: Database, *, notification_ids: Sequence[int] | None, batch_id: int | None) -> list[Listed]:
    """The mails of that list, or the newest of each interview that the batch mailed, or of each in the record.

    The newest may be later than the batch. Superseded mails, and those of test interviews, are left out unless they are
    named. Raises NotFound for an id that is no interview's mail.
    """
    if notification_ids is not None:
        rows = fetch(db, f"{_LISTED} AND {among(db, 'n.id')} ORDER BY n.id", (bulk.values(db, list(notification_ids)),))
        missing = set(notification_ids) - {row[0] for row in rows}
        if missing:
            raise NotFound("notification_ids", min(missing))
    else:
        sql, given = f"{_LISTED} AND n.state <> 'superseded' AND {_IS_NEWEST}{_NO_TESTS}", ()
        if batch_id is not None:
            sql += " AND n.interview_id IN (SELECT b.interview_id FROM notification b WHERE b.batch_id = ?)"
            given = (batch_id,)
        rows = fetch(db, f"{sql} ORDER BY n.id", given)
    return [Listed(*row[:3], bool(row[3])) for row in rows]


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


def cases(db: Database, ids: Sequence[int], pause: Pause | None) -> Iterator[list[Case]]:
    """What the record says of these mails, in their order, a chunk at a time; each chunk is one view of the record.

    Queued mails are told to be paused if there is a `pause`.
    """
    for start in range(0, len(ids), CHUNK):
        chunk = bulk.values(db, ids[start : start + CHUNK])
        with viewing(db):
            rows = fetch(db, f"{_CASES} WHERE {among(db, 'n.id')} ORDER BY n.id", (chunk,))
            waited_for = {row[_UNSENT_COLUMN] for row in rows} - {None}
            unsent = {mail.notification_id: mail for mail in history.mails(db, sorted(waited_for), pause=pause)}
        yield [_case(row, unsent) for row in rows]


def _case(row: tuple, unsent: dict[int, MailRow]) -> Case:
    facts, hand_over, newest, waited_for, public, key_id = row[7:_OWN_COLUMNS]
    return Case(
        *row[:7], Facts.from_json(facts), HandOver.from_json(hand_over) if hand_over else None, bool(newest),
        unsent.get(waited_for), public, key_id, sessions.view_of(row[_OWN_COLUMNS:]),
    )  # fmt: skip
