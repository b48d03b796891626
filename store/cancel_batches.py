"""Cancelling many interviews: what would become of each that was named, and cancelling them in chunks."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from store import cancellations, database, events, times
from store.cancel_file import Named
from store.cancellations import Appointment
from store.database import Database
from store.redaction import masked_address
from store.requests import RowFault
from store.sessions import interview_code
from store.settings import Settings

log = logging.getLogger(__name__)

CHUNK = 200
"""So many that were named are cancelled in one transaction."""
CANCEL, CANCELLED, UNCHANGED, REFUSED = "cancel", "cancelled", "unchanged", "refused"
REFUSALS = {
    **cancellations.REFUSALS,
    "interview_unknown": (
        "There is no interview {code}.", "give a code as the tables or the candidate's page show it."),
    "test_interview": ("This interview only tests the mail.", "leave it out: nobody waits for it."),
    "not_booked": (
        "The candidate has no such interview.", "correct the row (candidate, job, company, round), or take it out."),
    "nothing_ahead": ("The candidate has no interview ahead.", "correct the address, or take the row out."),
    "other_time": ("The interview is booked for {booked}, not for {named}.",
                   "to cancel it at whatever time, give its code {code}, or write the time for which it is booked."),
}  # fmt: skip
"""Code → what is said and what to do; the braces are filled from the interview and the row."""

Asked = Sequence[Named | RowFault]


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one interview that was named: cancel (cancelled, once it is done), unchanged or refused.

    `line` is 0 without a file; `who` is masked; `interview_id` is None where no single interview is meant, and `about`
    where there is none.
    """

    line: int
    outcome: str
    who: str = ""
    interview_id: int | None = None
    about: Appointment | None = None
    code: str = ""
    column: str = ""
    message: str = ""
    fix: str = ""


def plan(db: Database, asked: Asked, now: datetime) -> list[Row]:
    """What cancelling would do now, in the order of what was asked. Writes nothing."""
    rules, moment = _Rules(), times.epoch(now)
    return [row for chunk in _chunks(asked) for row in rules.decide(db, chunk, moment)]


def cancel(
    db: Database,
    asked: Asked,
    *,
    settings: Settings,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda _: None,
) -> list[Row]:
    """Cancels everything that was asked and may be, each together with its mail; gives what became of each.

    Decided anew in the transaction of each chunk. What is cancelled already stays as it is, so that a run that was
    stopped is simply run again.
    """
    rules, done = _Rules(), []
    for chunk in _chunks(asked):
        with database.writing(db):
            now = times.epoch(clock())
            rows = rules.decide(db, chunk, now)
            mails = cancellations.cancel(
                db, [row.about for row in rows if row.outcome == CANCEL], host=settings.backend_host, now=now
            )
            _record_refusals(db, rows, now)
        done += [_told(row, mails) for row in rows]
        progress(len(chunk))
    return done


def _chunks(asked: Asked) -> Iterator[Asked]:
    return (asked[first : first + CHUNK] for first in range(0, len(asked), CHUNK))


def _record_refusals(db: Database, rows: Sequence[Row], now: float) -> None:
    refused = [row for row in rows if row.outcome == REFUSED and row.about]
    events.record_many(
        db, [(now, "cancel_refused", row.about.interview_id, None, {"code": row.code}) for row in refused]
    )


def _told(row: Row, mails: dict[int, int | None]) -> Row:
    """The row once its chunk is committed, and a line of the log for it."""
    if row.outcome == CANCEL:
        one = row.about
        mail = mails[one.interview_id] or "none, for no invitation went out"
        log.info("DEBUG: interview %s cancelled: slot %s is free again, mail %s", one.interview_id, one.slot_id, mail)
        return replace(row, outcome=CANCELLED)
    if row.outcome == REFUSED:
        interview = row.interview_id or "-"
        log.info("DEBUG: line %s interview %s not cancelled: %s", row.line or "-", interview, row.code)
    return row


class _Rules:
    """Decides what becomes of what was named; remembers which interviews were named before, and where."""

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}

    def decide(self, db: Database, chunk: Asked, now: float) -> list[Row]:
        named = [one for one in chunk if isinstance(one, Named)]
        by_id = cancellations.with_ids(db, [one.interview_id for one in named if one.interview_id])
        by_address: dict[str, list[Appointment]] = {}
        for found in cancellations.of_candidates(db, sorted({one.address for one in named if one.address})):
            by_address.setdefault(found.address, []).append(found)
        rows = []
        for one in chunk:
            if isinstance(one, RowFault):
                rows.append(_faulty(one))
            elif one.interview_id:
                rows.append(self._by_id(one, by_id.get(one.interview_id), now))
            else:
                rows += self._by_address(one, by_address.get(one.address, []), now)
        return rows

    def _by_id(self, named: Named, found: Appointment | None, now: float) -> Row:
        if found is None:
            return _refused(named, "interview_unknown")
        return _refused(named, "test_interview", found) if found.is_test else self._decided(named, found, now)

    def _by_address(self, named: Named, theirs: Sequence[Appointment], now: float) -> list[Row]:
        if not named.job:
            is_left = [one for one in theirs if one.hindrance(now) in ("", "interview_started")]
            return [self._decided(named, one, now) for one in is_left] or [_refused(named, "nothing_ahead")]
        found = next((one for one in theirs if (one.job, one.round) == (named.job, named.round)), None)
        if found is None:
            return [_refused(named, "not_booked")]
        return [self._decided(named, found, now)]

    def _decided(self, named: Named, found: Appointment, now: float) -> Row:
        if not found.is_cancelled and named.starts_at is not None and times.epoch(named.starts_at) != found.starts_at:
            return _refused(named, "other_time", found)
        first = self._lines.setdefault(found.interview_id, named.line)
        if first != named.line:
            return _row(named, UNCHANGED, found, message=f"Line {first} names the same interview.")
        if found.is_cancelled:
            return _row(named, UNCHANGED, found, message="It is cancelled already.")
        hindrance = found.hindrance(now)
        return _refused(named, hindrance, found) if hindrance else _row(named, CANCEL, found)


def _faulty(fault: RowFault) -> Row:
    return Row(
        fault.line, REFUSED, code=fault.code, column=fault.column, message=fault.message, fix=fault.fix
    )  # fmt: skip


def _refused(named: Named, code: str, found: Appointment | None = None) -> Row:
    message, fix = REFUSALS[code]
    data = {"code": interview_code(named.interview_id)} if named.interview_id else {}
    if found:
        booked = times.from_epoch(found.starts_at)
        data = {"code": interview_code(found.interview_id), "booked": times.moment_words(booked, found.timezone),
                "named": times.moment_words(named.starts_at or booked, found.timezone)}  # fmt: skip
    return _row(named, REFUSED, found, code=code, message=message.format(**data), fix=fix.format(**data))


def _row(named: Named, outcome: str, found: Appointment | None, **words: str) -> Row:
    address = found.email if found else named.email
    who = masked_address(address) if address else ""
    return Row(named.line, outcome, who, found.interview_id if found else named.interview_id, found, **words)
