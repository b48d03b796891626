"""Booking a whole candidates file: planning it (dry run), applying it in chunks, and what became of each row."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import peewee

from store import batch_rows, database, events, rules, times
from store.batch_rows import RowResult
from store.booking import log_request, terms_of
from store.candidate_rows import RowReader
from store.candidates_file import CandidatesFile
from store.database import Database, fetch
from store.errors import FileRefused, NotFound
from store.file_scope import FileScope
from store.ledger import Ledger
from store.requests import BookingRequest, RowFault
from store.session_keys import KeyRing
from store.settings import Settings
from store.writer import Terms, Writer

log = logging.getLogger(__name__)

CHUNK_ROWS = 1000
_REFUSED, _FAILED = ("refused", rules.REFUSE), ("failed",)
Asked = tuple[int, BookingRequest | RowFault]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch did: rows by outcome (or by planned action), and refused rows by code.

    `first_refused` and `first_failed` are the first few of those rows: line and code. `skipped_lines` are the rows that an
    earlier run had applied, of which this one did nothing.
    """

    batch_id: int
    source: str
    fingerprint: str
    rows: int
    outcomes: Counter
    codes: Counter
    first_refused: tuple[tuple[int, str], ...] = ()
    first_failed: tuple[tuple[int, str], ...] = ()
    skipped_lines: frozenset[int] = frozenset()

    @property
    def skipped(self) -> int:
        return len(self.skipped_lines)

    @property
    def refused(self) -> int:
        return sum(self.outcomes[name] for name in _REFUSED)

    @property
    def failed(self) -> int:
        return sum(self.outcomes[name] for name in _FAILED)


def survey(path: Path | str, settings: Settings) -> tuple[int, str]:
    """Reads the whole file once without looking at its meaning: (rows, sha256). Raises FileRefused.

    So that a fault of the file itself is found before the first row is booked.
    """
    with CandidatesFile(path, settings) as file:
        rows = sum(1 for _ in file)
        return rows, file.sha256


def plan_batch(
    db: Database,
    path: Path | str,
    *,
    settings: Settings,
    clock: Callable[[], datetime],
    progress: Progress = lambda _: None,
) -> BatchReport:
    """A dry run: decides every row against the record as it is and stores the plan; books and mails nothing.

    The report's fingerprint names the plan to `book_batch`. Raises FileRefused.
    """
    _, sha256 = survey(path, settings)
    batch_id = _new_batch(db, "plan", path, sha256, clock())
    ledger, scope, digest = Ledger(), FileScope(), hashlib.sha256(sha256.encode("ascii"))
    now = times.epoch(clock())
    for chunk in _chunks(path, settings, CHUNK_ROWS, sha256):
        ledger.load(db, [asked for _, asked in chunk if isinstance(asked, BookingRequest)])
        results = [_planned(line, asked, ledger, scope, now) for line, asked in chunk]
        for result in results:
            digest.update(f"|{result.line}:{result.action}:{result.code}:{result.seen}".encode())
        with database.writing(db):
            batch_rows.insert_plan(db, batch_id, results)
        progress(len(chunk))
    _finish(db, batch_id, clock(), digest.hexdigest()[:16])
    return report(db, batch_id)


def _planned(line: int, asked: BookingRequest | RowFault, ledger: Ledger, scope: FileScope, now: float) -> RowResult:
    if isinstance(asked, RowFault):
        return batch_rows.of_fault(asked)
    decision, declared = scope.decide(asked, ledger, now)
    result = batch_rows.of_decision(line, asked, decision)
    if decision.action in (rules.CREATE, rules.MOVE):
        ledger.keep_capacity(decision.slot, declared or decision.slot.capacity or 1)
        ledger.take(asked, decision.slot, decision.standing)
    return result


def book_batch(
    db: Database, path: Path | str, *, settings: Settings, ring: KeyRing, clock: Callable[[], datetime],
    fingerprint: str = "", chunk_rows: int = CHUNK_ROWS, trace: bool = True, progress: Progress = lambda _: None,
) -> BatchReport:  # fmt: skip
    """Books the rows of a candidates file, chunk by chunk; each booking is committed together with its queued mail.

    With the `fingerprint` of a plan, rows that this plan has applied already are skipped and rows whose state has
    changed since are refused (`plan_changed`). Rows are decided in the file's order by the rules of `book_slot`.
    Raises FileRefused (nothing booked), NotFound for an unknown fingerprint.
    """
    _, sha256 = survey(path, settings)
    is_planned = bool(fingerprint)
    batch_id = (
        _plan_to_apply(db, fingerprint, sha256) if is_planned else _new_batch(db, "booking", path, sha256, clock())
    )
    batch = _Run(db, batch_id, is_planned, settings, terms_of(db, settings, ring), clock)
    for chunk in _chunks(path, settings, chunk_rows, sha256):
        results = batch.book(chunk)
        if trace:
            batch.log_rows(results)
        log.info("DEBUG: batch %s lines %s-%s: %s", batch_id, chunk[0][0], chunk[-1][0], _counted(results))
        progress(len(chunk))
    _finish(db, batch_id, clock(), fingerprint or None)
    return report(db, batch_id, frozenset(batch.skipped))


def _counted(results: list[RowResult]) -> str:
    return (
        ", ".join(f"{count} {word}" for word, count in sorted(Counter(r.outcome for r in results).items()))
        or "applied before"
    )


class _Run:
    """One run over a file: what stays the same from chunk to chunk."""

    def __init__(self, db: Database, batch_id: int, is_planned: bool, settings: Settings, terms: Terms, clock):
        self.db, self.batch_id, self.is_planned, self.terms, self.clock = db, batch_id, is_planned, terms, clock
        self.scope = FileScope()
        self.skipped: set[int] = set()

    def book(self, chunk: list[Asked]) -> list[RowResult]:
        """Books a chunk in one transaction; if the database refuses one of its rows, each row in its own."""
        try:
            return self._book_together(chunk)
        except peewee.DatabaseError as error:
            log.warning(
                "DEBUG: batch %s: a chunk was refused (%s), going on row by row", self.batch_id, type(error).__name__
            )
            return [result for row in chunk for result in self._book_alone(row)]

    def _book_alone(self, row: Asked) -> list[RowResult]:
        try:
            return self._book_together([row])
        except peewee.DatabaseError as error:
            result = batch_rows.of_failure(row[0], error)
            with database.writing(self.db):
                batch_rows.write_outcomes(self.db, self.batch_id, [result], self.is_planned)
            return [result]

    def _book_together(self, chunk: list[Asked]) -> list[RowResult]:
        with database.writing(self.db):
            now = times.epoch(self.clock())
            plans = batch_rows.plans(self.db, self.batch_id, [line for line, _ in chunk]) if self.is_planned else {}
            ledger = Ledger()
            ledger.load(self.db, [asked for _, asked in chunk if isinstance(asked, BookingRequest)])
            writer = Writer(self.db, ledger, self.terms, now=now, batch_id=self.batch_id)
            results = []
            for line, asked in chunk:
                result = self._decide(line, asked, plans.get(line), writer, now)
                if result is not None:
                    results.append(result)
            writer.flush()
            batch_rows.write_outcomes(self.db, self.batch_id, results, self.is_planned)
        if len(results) < len(chunk):
            self.skipped |= {line for line, _ in chunk} - {result.line for result in results}
        return results

    def _decide(
        self, line: int, asked: BookingRequest | RowFault, plan, writer: Writer, now: float
    ) -> RowResult | None:
        if isinstance(asked, RowFault):
            return None if plan and plan.is_applied else batch_rows.of_fault(asked)
        decision, declared = self.scope.decide(asked, writer.ledger, now)
        if plan and plan.is_applied:
            return None
        result = batch_rows.of_decision(line, asked, decision)
        if plan and plan.differs_from(result) and not plan.is_fulfilled_by(result):
            return batch_rows.of_changed_plan(plan, result)
        if decision.action in (rules.CREATE, rules.MOVE):
            result.entry = writer.add(asked, decision, declared)
        return result

    def log_rows(self, results: list[RowResult]) -> None:
        for result in results:
            if result.entry is not None:
                log_request(result.entry.request, result.entry.slot.id, result.entry.standing.id)
            elif result.message:
                words = f"{result.code} {result.message}".strip()
                log.info("DEBUG: batch %s line %s %s: %s", self.batch_id, result.line, result.outcome, words)


def _chunks(path: Path | str, settings: Settings, chunk_rows: int, sha256: str) -> Iterator[list[Asked]]:
    with CandidatesFile(path, settings) as file:
        reader = RowReader(file.header, settings)
        rows = ((line, reader.request(line, cells)) for line, cells in file)
        while chunk := list(islice(rows, chunk_rows)):
            yield chunk
        if file.sha256 != sha256:
            raise FileRefused("file_changed", "The file was changed while it was read.",
                              "run this again; what was booked of it is unchanged then.")  # fmt: skip


def _new_batch(db: Database, kind: str, path: Path | str, sha256: str, now: datetime) -> int:
    sql = (
        "INSERT INTO batch (kind, source, source_sha256, state, created_at) VALUES (?, ?, ?, 'running', ?) RETURNING id"
    )
    with database.writing(db):
        return fetch(db, sql, (kind, Path(path).name, sha256, times.epoch(now)))[0][0]


def planned(db: Database, fingerprint: str, path: Path | str, settings: Settings) -> BatchReport:
    """That file's plan with that fingerprint, as far as it has been applied. Raises NotFound and FileRefused."""
    _, sha256 = survey(path, settings)
    return report(db, _plan_to_apply(db, fingerprint, sha256))


def _plan_to_apply(db: Database, fingerprint: str, sha256: str) -> int:
    sql = "SELECT id, source_sha256 FROM batch WHERE fingerprint = ? AND kind = 'plan' ORDER BY id DESC LIMIT 1"
    found = fetch(db, sql, (fingerprint,))
    if not found:
        raise NotFound("fingerprint", fingerprint)
    batch_id, planned_sha256 = found[0]
    if planned_sha256 != sha256:
        raise FileRefused("file_not_planned", "The file is not the one that was planned.",
                          "plan this file (dry run) and apply that plan's fingerprint.")  # fmt: skip
    return batch_id


def _finish(db: Database, batch_id: int, now: datetime, fingerprint: str | None) -> None:
    moment = times.epoch(now)
    with database.writing(db):
        database.execute(
            db,
            "UPDATE batch SET state = 'done', finished_at = ?, fingerprint = ? WHERE id = ?",
            (moment, fingerprint, batch_id),
        )
        events.record(db, "batch_done", at=moment, batch_id=batch_id)


def report(db: Database, batch_id: int, skipped: frozenset[int] = frozenset()) -> BatchReport:
    """What the record says a batch did. Raises NotFound."""
    head = fetch(db, "SELECT source, fingerprint FROM batch WHERE id = ?", (batch_id,))
    if not head:
        raise NotFound("batch_id", batch_id)
    sql = (
        "SELECT coalesce(outcome, plan), coalesce(code, plan_code), count(*) FROM batch_row WHERE batch_id = ?"
        " GROUP BY 1, 2"
    )
    outcomes, codes = Counter(), Counter()
    for outcome, code, count in fetch(db, sql, (batch_id,)):
        outcomes[outcome] += count
        if code:
            codes[code] += count
    source, fingerprint = head[0]
    first = (
        tuple(batch_rows.first(db, batch_id, of)) if outcomes.keys() & set(of) else () for of in (_REFUSED, _FAILED)
    )
    return BatchReport(batch_id, source, fingerprint or "", outcomes.total(), outcomes, codes, *first, skipped)
