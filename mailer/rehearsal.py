"""A rehearsal: the mails that wait go from a copy of the record to a scripted server, on a simulated clock.

It shows what would happen on such a day. Nothing of it reaches the record, the provider or a candidate.
"""

import logging
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from mailer.account import PASSWORD, RESEND, SMTP, Account
from mailer.delivery import LONGEST_NAP, LONGEST_TROUBLED_NAP, deliver
from mailer.sandbox.listener import HOST
from mailer.sandbox.moments import DOT, Moment
from mailer.sandbox.records import Connection
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.scenarios import named
from mailer.sandbox.scripted import ScriptedServer
from mailer.signatures import MAX_AGE
from store import batches, history, outbox, record_copies, times
from store.accounts import Pause
from store.batches import BatchReport
from store.database import Database
from store.history import MailRow
from store.record_copies import RecordCopy
from store.settings import Settings

MAIL_SECONDS = 0.25
"""So long a mail takes over one connection, where the scenario says nothing else."""
STEP_SECONDS, LINE_SECONDS = 5.0, 30.0
_USER, _NOT_THE_PASSWORD = "rehearsal", SecretStr("not the real password")
_LOGGERS = ("mailer.attempts", "mailer.worker", "mailer.delivery", "store.outbox", "store.batches")


@dataclass(frozen=True, slots=True)
class RehearsedMail:
    """A mail at the end. `after` is how long after the beginning it was settled, None if it was never tried."""

    row: MailRow
    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen. `lasted` is simulated time; `timeline` tells after how many seconds how many mails were sent.

    `pause` stands if somebody had to act; `booked` is there if a candidates file was rehearsed; `connections` are the
    server's transcripts.
    """

    scenario: Scenario
    mails: tuple[RehearsedMail, ...]
    lasted: timedelta
    timeline: tuple[tuple[float, int], ...]
    pause: Pause | None
    booked: BatchReport | None
    connections: tuple[Connection, ...]

    @property
    def states(self) -> Counter:
        return Counter(mail.row.state for mail in self.mails)

    def sentence(self) -> str:
        """One line for people."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items())) or "no mail waits"
        end = f"after {_words(self.lasted)}" if self.mails else "at once"
        said = f"{self.scenario.about} It would end {end}: {counts}."
        if self.pause is not None:
            return f"{said} The mail account would be paused: {self.pause.reason} To fix: {self.pause.fix}"
        return said


class SimulatedClock:
    """A clock that moves only when somebody waits. Those who wait at the same time wait together."""

    def __init__(self, start: datetime):
        self._start, self._seconds, self._lock = start, 0.0, threading.Lock()

    def __call__(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def wait(self, seconds: float) -> None:
        self.reach(self._seconds + seconds)

    def reach(self, seconds: float) -> None:
        with self._lock:
            self._seconds = max(self._seconds, seconds)


class _Stop(threading.Event):
    """A stop that never comes by itself; waiting for it takes no time but moves the clock."""

    def __init__(self, clock: SimulatedClock):
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.wait(timeout or 0.0)
        return self.is_set()


@dataclass(frozen=True, slots=True)
class _TakesTime:
    """A rule that answers nothing: a mail takes its time."""

    wait: Callable[[float], None]
    seconds: float

    def answer(self, moment: Moment) -> None:
        if moment.step == DOT:
            self.wait(self.seconds)


def rehearse(
    record: Database, scenario: str, *, account: Account, settings: Settings, now: datetime, file: Path | None = None
) -> Rehearsal:
    """Sends the queued mails, with a `file` those of its rows as well, as if the server had such a day from `now` on.

    Raises SandboxFailed for an unknown scenario or where no server can be had, FileRefused, and DatabaseUnusable.
    """
    played, clock = named(scenario), SimulatedClock(now)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, _marked_logs():
        copy = record_copies.copy_into(Path(folder), record, now=now)
        try:
            own = settings.model_copy(update={"database_url": SecretStr(copy.url)})
            booked = _booked(copy, file, own, clock) if file is not None else None
            waiting = record_copies.waiting_mails(copy.db)
            pace = _TakesTime(clock.wait, MAIL_SECONDS / account.connections)
            with ScriptedServer(replace(played, rules=(pace, *played.rules)), clock=clock, pause=clock.wait) as server:
                timeline, pause = _play(copy, _stand_in(account, played, server), own, clock)
            mails = _mails(copy, waiting, now, pause)
        finally:
            copy.db.close()
    return Rehearsal(played, mails, clock.now() - now, timeline, pause, booked, tuple(server.connections))


def _booked(copy: RecordCopy, file: Path, settings: Settings, clock: SimulatedClock) -> BatchReport:
    return batches.book_batch(copy.db, file, settings=settings, ring=copy.ring, clock=clock.now, trace=False)


def _stand_in(account: Account, played: Scenario, server: ScriptedServer) -> Account:
    """The account with the scripted server behind it. The real password or token is not shown to it."""
    user = (account.user or _USER) if played.mechanisms else ""
    return replace(
        account, backend=SMTP, host=HOST, port=server.port, security=played.security, ca_file=server.authority,
        user=user, password=_NOT_THE_PASSWORD if user else SecretStr(""), auth=PASSWORD, token=None, dkim=None,
        timeout=min(account.timeout, STEP_SECONDS), deadline=min(account.deadline, LINE_SECONDS),
    )  # fmt: skip


def _play(
    copy: RecordCopy, account: Account, settings: Settings, clock: SimulatedClock
) -> tuple[tuple[tuple[float, int], ...], Pause | None]:
    """Delivers again and again as time goes by, until nothing waits or somebody must act."""
    timeline, sent, troubled, stop = [], 0, 0, _Stop(clock)
    while clock() <= MAX_AGE:
        report = deliver(
            copy.db, account=account, settings=settings, ring=copy.ring, clock=clock.now, trace=False, stop=stop
        )
        sent += report.sent
        timeline.append((clock(), sent))
        due = outbox.next_due(copy.db, resend=account.on_unknown == RESEND)
        if report.pause is not None or due is None:
            return tuple(timeline), report.pause
        troubled = troubled + 1 if report.line_fix else 0
        clock.reach(clock() + max(due - times.epoch(clock.now()), _nap(troubled)))
    return tuple(timeline), None


def _nap(troubled: int) -> float:
    return min(LONGEST_NAP * 2 ** min(troubled, 10), LONGEST_TROUBLED_NAP) if troubled else 1.0


def _mails(copy: RecordCopy, ids: list[int], began: datetime, pause: Pause | None) -> tuple[RehearsedMail, ...]:
    settled = record_copies.settled_at(copy.db)
    return tuple(
        RehearsedMail(row, settled[row.notification_id] - began if row.attempts else None)
        for row in history.mails(copy.db, ids, pause=pause)
    )


@contextmanager
def _marked_logs() -> Iterator[None]:
    """Meanwhile the lines of a delivery say that they are of a rehearsal."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(_mark)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_mark)


def _mark(line: logging.LogRecord) -> bool:
    line.msg = f"REHEARSAL: {line.msg}"
    return True


def _words(lasted: timedelta) -> str:
    """`2 h 5 min`, or seconds below a minute."""
    minutes, seconds = divmod(round(lasted.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count]
    return " ".join(parts) or f"{seconds} s"
