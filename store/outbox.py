"""The outbox as data: claiming queued mails under a lease, handing over, settling, and what became of expired leases.

No SMTP here. The promise that these steps keep: a mail is lost by no crash, is marked sent only after the server's
reply, and is doubled only if its worker dies between the final dot and the commit of the reply.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from store import bulk, events
from store.database import Database, among, changing, execute, fetch, is_sqlite
from store.facts import ALERT, Facts, HandOver

log = logging.getLogger(__name__)

UNKNOWN_RESENDS = 3
"""So often a mail whose outcome is unknown is sent again by itself; then it waits for a person."""
_LOST = "The sending program ended after the mail was handed over."
_AGAIN = "it is sent again after EMAIL_HOLD unless EMAIL_ON_UNKNOWN=hold; python -m mailer resend "
_UNKNOWN_FIX_SQL = f"'{_AGAIN}' || id || ' sends it now.'"


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """One claimed mail with what its link is made from; `public`, `key_id` and `generation` are None without a session.

    An alert to ops has no interview and no session. `handed_over_at` is set if an earlier attempt may have arrived; then
    `hand_over` is what that one was made with.
    """

    id: int
    interview_id: int | None
    kind: str
    recipient: str
    facts_json: str
    message_id: str
    token: str
    attempts: int
    hand_over: HandOver | None
    handed_over_at: float | None
    created_at: float
    public: str | None
    key_id: str | None
    generation: int | None

    @property
    def facts(self) -> Facts:
        """What a candidate's mail will say; an alert's facts are read by `store.alerts`."""
        return Facts.from_json(self.facts_json)

    @property
    def is_alert(self) -> bool:
        return self.kind == ALERT

    @property
    def about(self) -> str:
        """How log lines name it: `interview 12`, or for an alert to ops `alert 34`, by the mail's id."""
        return about(self.id, self.interview_id)


def about(mail_id: int, interview_id: int | None) -> str:
    """How log lines name a mail: by its interview, and an alert to ops, which has none, by its own id."""
    return f"alert {mail_id}" if interview_id is None else f"interview {interview_id}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mails a delivery is for: those of one interview, one mail alone, or all."""

    interview_id: int | None = None
    mail_id: int | None = None

    def condition(self) -> tuple[str, tuple]:
        """SQL that follows another condition, and its parameters."""
        given = {"interview_id": self.interview_id, "id": self.mail_id}
        wanted = {name: value for name, value in given.items() if value is not None}
        return "".join(f" AND {name} = ?" for name in wanted), tuple(wanted.values())


ALL = Scope()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt. `state` is sent, failed, unknown or queued; `due_at` when a queued or unknown one is next.

    `handed_over_at` stays set only if the candidate may have received a copy. `attempts` is the new count.
    """

    id: int
    state: str
    due_at: float
    attempts: int
    handed_over_at: float | None
    signature: str = ""
    reply: str = ""
    fix: str = ""


def claim(db: Database, *, owner: str, now: float, lease: float, limit: int, scope: Scope = ALL) -> list[OutboxMail]:
    """Takes up to `limit` queued mails that are due, oldest first, for `lease` seconds. No two owners get the same."""
    condition, parameters = _due(now, scope)
    oldest = f"SELECT id FROM notification WHERE {condition} ORDER BY due_at, id LIMIT ?"
    assign = "UPDATE notification SET state = 'claimed', owner = ?, lease_until = ?"
    with changing(db):
        if is_sqlite(db):
            sql = f"{assign} WHERE id IN ({oldest}) RETURNING id"
            taken = fetch(db, sql, (owner, now + lease, *parameters, limit))
        else:
            taken = f"WITH due AS MATERIALIZED ({oldest} FOR UPDATE SKIP LOCKED)"
            sql = f"{taken} {assign} FROM due WHERE notification.id = due.id"
            taken = fetch(db, f"{sql} RETURNING notification.id", (*parameters, limit, owner, now + lease))
        return _read(db, [row[0] for row in taken])


def _due(now: float, scope: Scope) -> tuple[str, tuple]:
    condition, parameters = scope.condition()
    return f"state = 'queued' AND due_at <= ?{condition}", (now, *parameters)


def _held(resend: bool) -> str:
    """The unknown ones that `recover` queues again when their hold is over."""
    return f"(state = 'unknown' AND attempts <= {UNKNOWN_RESENDS})" if resend else "(1 = 0)"


def _read(db: Database, ids: Sequence[int]) -> list[OutboxMail]:
    if not ids:
        return []
    sql = (
        "SELECT n.id, n.interview_id, n.kind, n.recipient, n.facts, n.message_id, n.token, n.attempts, n.hand_over,"
        " n.handed_over_at, n.created_at, s.public, s.key_id, s.generation"
        f" FROM notification n LEFT JOIN interview_session s ON s.interview_id = n.interview_id WHERE {among(db, 'n.id')}"
        " ORDER BY n.due_at, n.id"
    )
    return [
        OutboxMail(*row[:8], HandOver.from_json(row[8]) if row[8] else None, *row[9:])
        for row in fetch(db, sql, (bulk.values(db, ids),))
    ]


def hand_over(
    db: Database, ids: Sequence[int], *, owner: str, record: HandOver, now: float, lease_until: float
) -> set[int]:
    """Commits that these mails go to the server now; gives those that may go.

    A mail that was superseded, or whose lease was lost, is not among them and must not be sent. `record` is kept for
    mails that have none yet; the lease runs until `lease_until`.
    """
    if not ids:
        return set()
    chosen, lock = bulk.values(db, ids), "" if is_sqlite(db) else " FOR UPDATE"
    held = (
        f"SELECT id FROM notification WHERE {among(db, 'id')} AND state = 'claimed' AND owner = ? AND lease_until > ?"
    )
    sql = (
        f"WITH held AS ({held} ORDER BY id{lock}) UPDATE notification SET state = 'handed_over', handed_over_at = ?,"
        " lease_until = ?, hand_over = coalesce(hand_over, ?), attempts = attempts + 1"
        " WHERE id IN (SELECT id FROM held) RETURNING id"
    )
    with changing(db):
        rows = fetch(db, sql, (chosen, owner, now, now, lease_until, record.to_json()))
    return {row[0] for row in rows}


_NEWER = (
    "EXISTS (SELECT 1 FROM notification n WHERE n.interview_id = notification.interview_id AND n.id > notification.id)"
)


_SETTLED = {"id": "bigint", "state": "text", "due_at": "double precision", "attempts": "integer",
            "handed_over_at": "double precision", "signature": "text", "reply": "text", "fix": "text"}  # fmt: skip


def settle(db: Database, settlements: Sequence[Settlement], *, owner: str, now: float) -> None:
    """Commits what became of attempts. A mail that is to be tried again but has a newer one after it is superseded.

    A mail that surely did not arrive forgets what its hand-over fixed: the next attempt goes by the settings of then.
    """
    if not settlements:
        return
    rows = [
        (s.id, s.state, s.due_at, s.attempts, s.handed_over_at, s.signature, s.reply, s.fix)
        for s in sorted(settlements, key=lambda settlement: settlement.id)
    ]
    relation, parameters = bulk.relation(db, _SETTLED, rows)
    with changing(db):
        if not is_sqlite(db):
            # In id order, as bookings lock them: an update of many rows takes them in any order.
            ids = [row[0] for row in rows]
            execute(db, f"SELECT 1 FROM notification WHERE {among(db, 'id')} ORDER BY id FOR UPDATE", (ids,))
        settled = fetch(
            db,
            "UPDATE notification SET state = s.state, due_at = s.due_at, settled_at = ?, attempts = s.attempts,"
            " handed_over_at = s.handed_over_at,"
            " hand_over = CASE WHEN s.handed_over_at IS NOT NULL THEN hand_over END,"
            " signature = s.signature, reply = s.reply, fix = s.fix, owner = NULL, lease_until = NULL"
            f" FROM {relation} AS s"
            " WHERE notification.id = s.id AND owner = ? AND notification.state IN ('claimed', 'handed_over', 'unknown')"
            " RETURNING notification.id, interview_id, batch_id",
            (now, *parameters, owner),
        )
        again = [s.id for s in settlements if s.state != "sent"]
        if again:
            _supersede_old(db, again, now)
            _record_failures(db, settlements, settled, now)


def _supersede_old(db: Database, ids: Sequence[int], now: float) -> None:
    execute(
        db,
        "UPDATE notification SET state = 'superseded', settled_at = ? WHERE state IN ('queued', 'failed', 'unknown')"
        f" AND {among(db, 'id')} AND {_NEWER}",
        (now, bulk.values(db, sorted(ids))),
    )


def _record_failures(db: Database, settlements: Sequence[Settlement], settled: Sequence[tuple], now: float) -> None:
    # Only what was settled here: an owner who came too late says nothing about the mail.
    failures = {s.id: s for s in settlements if s.state in ("failed", "unknown") or s.signature}
    events.record_many(
        db,
        [
            (now, f"mail_{failures[mail_id].state}", interview_id, batch_id,
             {"notification": mail_id, "signature": failures[mail_id].signature, "reply": failures[mail_id].reply})
            for mail_id, interview_id, batch_id in sorted(settled, key=lambda row: row[0]) if mail_id in failures
        ],
    )  # fmt: skip


def recover(db: Database, *, now: float, hold: float, resend: bool) -> dict[str, int]:
    """Deals with expired leases and held unknowns; gives how many were queued again, became unknown or were superseded.

    Alerts to ops that became unknown are counted apart.

    A claimed mail whose lease ran out is queued again. One that was handed over becomes unknown for `hold` seconds; then
    it is queued again if `resend`, at most UNKNOWN_RESENDS times, or waits for a person.
    """
    # Rows that another worker is settling at this moment are left to it, so that the two never wait for each other.
    lock = "" if is_sqlite(db) else " ORDER BY id FOR UPDATE SKIP LOCKED"
    with changing(db):
        requeued = execute(
            db,
            "UPDATE notification SET state = 'queued', owner = NULL, lease_until = NULL WHERE id IN"
            f" (SELECT id FROM notification WHERE state = 'claimed' AND lease_until <= ?{lock})",
            (now,),
        )
        lost = fetch(
            db,
            f"UPDATE notification SET state = CASE WHEN {_NEWER} THEN 'superseded' ELSE 'unknown' END, due_at = ?,"
            " settled_at = ?, lease_until = NULL, signature = 'worker_lost', reply = ?,"
            f" fix = {_UNKNOWN_FIX_SQL} WHERE id IN"
            f" (SELECT id FROM notification WHERE state = 'handed_over' AND lease_until <= ?{lock})"
            " RETURNING id, interview_id, batch_id, state",
            (now + hold, now, _LOST, now),
        )
        events.record_many(
            db,
            [
                (now, f"mail_{state}", interview, batch, {"notification": mail})
                for mail, interview, batch, state in lost
            ],
        )
        again = 0
        if resend:
            again = execute(
                db,
                "UPDATE notification SET state = 'queued', owner = NULL WHERE id IN (SELECT id FROM notification"
                f" WHERE state = 'unknown' AND due_at <= ? AND attempts <= ?{lock})",
                (now, UNKNOWN_RESENDS),
            )
    unknown = [(interview, mail) for mail, interview, _, state in lost if state == "unknown"]
    for interview, mail in unknown:
        log.warning("[EMAIL UNKNOWN] %s: %s To fix: %s", about(mail, interview), _LOST, unknown_fix(mail))
    alerts = sum(interview is None for interview, _ in unknown)
    superseded = len(lost) - len(unknown)
    return {"requeued": requeued + again, "unknown": len(unknown) - alerts, "superseded": superseded,
            "unknown_alerts": alerts}  # fmt: skip


def unknown_fix(notification_id: int) -> str:
    """What a person may do about a mail whose outcome is unknown."""
    return f"{_AGAIN}{notification_id} sends it now."


def resend(db: Database, notification_id: int, *, now: float) -> bool:
    """Queues a failed or unknown mail again, by hand; False if it is in another state or has a newer one after it."""
    with changing(db):
        done = fetch(
            db,
            "UPDATE notification SET state = 'queued', due_at = ?, attempts = 0, owner = NULL"
            f" WHERE id = ? AND state IN ('failed', 'unknown') AND NOT {_NEWER} RETURNING interview_id, batch_id",
            (now, notification_id),
        )
        for interview_id, batch_id in done:
            events.record(db, "mail_requeued_by_hand", at=now, interview_id=interview_id, batch_id=batch_id,
                          notification=notification_id)  # fmt: skip
    return bool(done)


def due(db: Database, *, now: float, limit: int, scope: Scope = ALL) -> int:
    """How many mails `claim` would find now, counted up to `limit`."""
    condition, parameters = _due(now, scope)
    sql = f"SELECT count(*) FROM (SELECT 1 FROM notification WHERE {condition} LIMIT ?) AS due"
    return fetch(db, sql, (*parameters, limit))[0][0]


def waiting(db: Database, *, resend: bool, scope: Scope = ALL) -> int:
    """How many interviews' mails are still on their way.

    These are queued, claimed, handed over, and unknown ones that go again by themselves.
    """
    return _waiting(db, "interview_id IS NOT NULL", resend, scope)


def waiting_alerts(db: Database, *, resend: bool, scope: Scope = ALL) -> int:
    """How many alerts to ops are still on their way, in the same sense."""
    return _waiting(db, "alert_key IS NOT NULL", resend, scope)


def _waiting(db: Database, kind: str, resend: bool, scope: Scope) -> int:
    condition, parameters = scope.condition()
    states = f"(state IN ('queued', 'claimed', 'handed_over') OR {_held(resend)})"
    return fetch(db, f"SELECT count(*) FROM notification WHERE {kind} AND {states}{condition}", parameters)[0][0]


def first_waiting(db: Database, *, limit: int, untried: bool, scope: Scope = ALL) -> tuple[int, list[int]]:
    """How many interviews' mails are queued, only those never tried if `untried`; and the interviews of the first due."""
    condition, parameters = scope.condition()
    condition = f"state = 'queued' AND interview_id IS NOT NULL{' AND attempts = 0' if untried else ''}{condition}"
    count = fetch(db, f"SELECT count(*) FROM notification WHERE {condition}", parameters)[0][0]
    sql = f"SELECT interview_id FROM notification WHERE {condition} ORDER BY due_at, id LIMIT ?"
    return count, [row[0] for row in fetch(db, sql, (*parameters, limit))]


def next_due(db: Database, *, resend: bool = True) -> float | None:
    """When the next queued, leased or held mail needs attention (epoch seconds); None if there is none."""
    sql = (
        "SELECT min(at) FROM (SELECT min(due_at) AS at FROM notification WHERE state = 'queued'"
        " UNION ALL SELECT min(lease_until) FROM notification WHERE state IN ('claimed', 'handed_over')"
        f" UNION ALL SELECT min(due_at) FROM notification WHERE {_held(resend)}) AS times"
    )
    return fetch(db, sql)[0][0]
