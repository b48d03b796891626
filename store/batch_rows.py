"""The rows of a batch in the record: what was planned for each line, what became of it, and why not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store import bulk, rules
from store.database import Database, among, execute_many, fetch
from store.redaction import masked_address
from store.requests import BookingRequest, RowFault
from store.rules import Decision
from store.writer import Entry

OUTCOMES = {rules.CREATE: "created", rules.MOVE: "moved", rules.UNCHANGED: "unchanged", rules.REFUSE: "refused"}
OUTCOME_COLUMNS = ("outcome", "code", "column_name", "message", "fix", "who", "interview_id", "notification_id")
PLAN_COLUMNS = ("batch_id", "line", "plan", "plan_code", "seen", "column_name", "message", "fix", "who")


@dataclass(slots=True)
class RowResult:
    """One line's plan or outcome. `seen` is what was decided on: the slot's times and how the interview stood.

    `entry` is what was written.
    """

    line: int
    action: str
    outcome: str
    code: str = ""
    column: str = ""
    message: str = ""
    fix: str = ""
    who: str = ""
    seen: str = ""
    interview_id: int | None = None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned for a line, and its outcome if it was applied already."""

    action: str
    code: str
    seen: str
    outcome: str | None

    @property
    def is_applied(self) -> bool:
        """Whether its outcome stands; a row that the database refused is tried again."""
        return self.outcome not in (None, "failed")

    def differs_from(self, result: RowResult) -> bool:
        return (self.action, self.code, self.seen) != (result.action, result.code, result.seen)

    def is_fulfilled_by(self, result: RowResult) -> bool:
        """Whether the interview stands at the times that the plan wanted, whoever put it there."""
        return result.action == rules.UNCHANGED and _times_seen(self.seen) == _times_seen(result.seen)


def of_fault(fault: RowFault) -> RowResult:
    return RowResult(fault.line, rules.REFUSE, "refused", fault.code, fault.column, fault.message, fault.fix)


def of_decision(line: int, request: BookingRequest, decision: Decision) -> RowResult:
    message, fix = decision.words()
    slot, standing = decision.slot, decision.standing
    if decision.action == rules.UNCHANGED and request.capacity not in (None, slot.capacity):
        places = f"{slot.capacity} place{'' if slot.capacity == 1 else 's'}"
        message = f"The capacity {request.capacity} is not applied by an unchanged row: the slot has {places}."
        fix = "to change it, book another interview into the slot with that capacity."
    return RowResult(
        line=line, action=decision.action, outcome=OUTCOMES[decision.action], code=decision.code, message=message,
        fix=fix, who=masked_address(request.email), seen=_seen(decision), interview_id=standing.id if standing else None,
    )  # fmt: skip


def _seen(decision: Decision) -> str:
    # A refused row changes nothing, and what it stood on may have been written by the rows before it.
    if decision.action == rules.REFUSE:
        return ""
    slot, standing = decision.slot, decision.standing
    stood = f"{standing.state}|{standing.sequence}|{standing.slot.id if standing.slot else ''}" if standing else ""
    return f"{slot.starts_at:.0f}|{slot.ends_at:.0f}|{stood}"


def _times_seen(seen: str) -> list[str]:
    return seen.split("|")[:2]


def of_changed_plan(plan: Plan, result: RowResult) -> RowResult:
    planned, now = (
        f"{action} ({code})" if code else action
        for action, code in ((plan.action, plan.code), (result.action, result.code))
    )
    if planned == now:
        now += " of an interview that was changed since"
    message, fix = rules.refusal_words("plan_changed", {"planned": planned, "now": now})
    return RowResult(
        result.line,
        rules.REFUSE,
        "refused",
        "plan_changed",
        "",
        message,
        fix,
        result.who,
        result.seen,
        result.interview_id,
    )


def of_failure(line: int, error: Exception) -> RowResult:
    """A row that the database refused; its text may hold a cell's value, so only its kind is kept."""
    message = f"The database refused this row ({type(error).__name__})."
    return RowResult(
        line, rules.REFUSE, "failed", "database_refused", "", message, "send this line and the log to support."
    )


def insert_plan(db: Database, batch_id: int, results: Sequence[RowResult]) -> None:
    rows = [(batch_id, r.line, r.action, r.code, r.seen, r.column, r.message, r.fix, r.who) for r in results]
    bulk.insert(db, "batch_row", PLAN_COLUMNS, rows)


def plans(db: Database, batch_id: int, lines: Sequence[int]) -> dict[int, Plan]:
    """Line → plan, for those of `lines` that were planned."""
    sql = f"SELECT line, plan, plan_code, seen, outcome FROM batch_row WHERE batch_id = ? AND {among(db, 'line')}"
    return {line: Plan(*rest) for line, *rest in fetch(db, sql, (batch_id, bulk.values(db, lines)))}


def write_outcomes(db: Database, batch_id: int, results: Sequence[RowResult], is_planned: bool) -> None:
    """Writes what became of the lines, into the plan's rows where there is a plan."""
    if not results:
        return
    rows = [(*_outcome(result), batch_id, result.line) for result in results]
    if is_planned:
        assignments = ", ".join(f"{column} = ?" for column in OUTCOME_COLUMNS)
        execute_many(db, f"UPDATE batch_row SET {assignments} WHERE batch_id = ? AND line = ?", rows)
    else:
        bulk.insert(db, "batch_row", (*OUTCOME_COLUMNS, "batch_id", "line"), rows)


def _outcome(result: RowResult) -> tuple:
    entry = result.entry
    interview_id, notification_id = (entry.standing.id, entry.notification_id) if entry else (result.interview_id, None)
    return (
        result.outcome,
        result.code,
        result.column,
        result.message,
        result.fix,
        result.who,
        interview_id,
        notification_id,
    )


def first(db: Database, batch_id: int, outcomes: Sequence[str], most: int = 5) -> Iterator[tuple[int, str]]:
    """The line and code of the first few rows with one of these outcomes or planned actions."""
    sql = (
        "SELECT line, coalesce(code, plan_code, '') FROM batch_row WHERE batch_id = ?"
        f" AND {among(db, 'coalesce(outcome, plan)')} ORDER BY line LIMIT {most:d}"
    )
    yield from fetch(db, sql, (batch_id, bulk.values(db, outcomes)))


def read(
    db: Database, batch_id: int, only: Sequence[str] = (), *, first: Sequence[str] = (), limit: int | None = None
) -> Iterator[dict[str, object]]:
    """The batch's rows in the file's order, each with its outcome (or plan), its words, its interview, job and slot.

    `only` keeps rows with one of these outcomes or planned actions, `first` puts those before all others; no more than
    `limit` rows are read.
    """
    became = "coalesce(r.outcome, r.plan)"
    condition, order, parameters = "", "", [batch_id]
    if only:
        condition = f" AND {among(db, became)}"
        parameters.append(bulk.values(db, only))
    if first:
        order = f"CASE WHEN {among(db, became)} THEN 0 ELSE 1 END, "
        parameters.append(bulk.values(db, first))
    at_most = "" if limit is None else f" LIMIT {limit:d}"
    sql = (
        f"SELECT r.line, {became}, coalesce(r.code, r.plan_code), r.column_name, r.message, r.fix,"
        " r.who, r.interview_id, r.notification_id, j.title, j.company, i.started_at, i.timezone, h.slot_id"
        " FROM batch_row r LEFT JOIN interview i ON i.id = r.interview_id LEFT JOIN job j ON j.id = i.job_id"
        " LEFT JOIN interview_schedule h ON h.interview_id = i.id AND h.state = 'booked'"
        f" WHERE r.batch_id = ?{condition} ORDER BY {order}r.line{at_most}"
    )
    names = ("line", "outcome", "code", "column", "message", "fix", "who", "interview_id", "notification_id",
             "job_title", "company_name", "started_at", "timezone", "slot_id")  # fmt: skip
    for row in fetch(db, sql, parameters):
        yield dict(zip(names, row, strict=True))
