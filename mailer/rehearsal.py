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
from email.parser import BytesHeaderParser
from pathlib import Path

from pydantic import SecretStr

from mailer.account import PASSWORD, RESEND, SMTP, Account
from mailer.delivery import deliver, runs_in_trouble, troubled_nap
from mailer.general_replies import GENERAL_REPLIES
from mailer.mailbox import Mail
from mailer.provider_replies import PROVIDER_REPLIES
from mailer.sandbox.certificates import SELF_SIGNED
from mailer.sandbox.listener import HOST
from mailer.sandbox.moments import DOT, Moment
from mailer.sandbox.records import Connection
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.scenarios import named
from mailer.sandbox.scripted import ScriptedServer
from mailer.signatures import LINE_FAULTS, MAX_AGE
from mailer.verdicts import DAY
from mailer.worker import LARGEST_GROUP
from store import batches, history, outbox, record_copies, times
from store.accounts import Pause
from store.batches import BatchReport
from store.database import Database
from store.history import MailRow
from store.record_copies import CopiedMail, RecordCopy, Setback
from store.settings import Settings

MAIL_SECONDS = 0.25
"""So long a mail takes over one connection, where the scenario says nothing else."""
STEP_SECONDS, LINE_SECONDS = 5.0, 30.0
_LONGEST_WAIT = 1.5 * DAY
_USER, _NOT_THE_PASSWORD = "rehearsal", SecretStr("not the real password")
_LOGGERS = ("mailer.attempts", "mailer.worker", "mailer.delivery", "store.outbox", "store.batches")


@dataclass(frozen=True, slots=True)
class RehearsedMail:
    """A mail at the end. Spans count from the beginning; `after` is when it was settled, None if it was never tried.

    `taken` is when the server took each copy of it: the first is what the candidate reads, further ones are doubles.
    `opens_at` is when the interview's link begins to open.
    """

    row: MailRow
    after: timedelta | None
    taken: tuple[timedelta, ...]
    opens_at: datetime


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen. `lasted` is simulated time; `timeline` tells after how many seconds how many mails were sent.

    `pause` stands if somebody had to act; `booked` is there if a candidates file was rehearsed; `connections` are the
    server's transcripts; `setbacks` the tries that brought no mail to its end. `waiting` is how many mails there were,
    of which `mails` may be a part, spread evenly.
    """

    scenario: Scenario
    began: datetime
    mails: tuple[RehearsedMail, ...]
    lasted: timedelta
    timeline: tuple[tuple[float, int], ...]
    pause: Pause | None
    booked: BatchReport | None
    connections: tuple[Connection, ...]
    setbacks: tuple[Setback, ...]
    waiting: int

    @property
    def too_late(self) -> list[RehearsedMail]:
        """Those that the server would take only when their interview's link opens already, or later."""
        return [mail for mail in self.mails if mail.taken and self.began + mail.taken[0] >= mail.opens_at]

    @property
    def without(self) -> list[RehearsedMail]:
        """Those that would never be taken, though nothing newer took their place."""
        return [mail for mail in self.mails if not mail.taken and mail.row.state != "superseded"]

    @property
    def doubled(self) -> list[RehearsedMail]:
        """Those that the server would take more than once."""
        return [mail for mail in self.mails if len(mail.taken) > 1]

    @property
    def states(self) -> Counter:
        return Counter(mail.row.state for mail in self.mails)

    def sentence(self) -> str:
        """One line for people."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items())) or "no mail waits"
        said = f"{self.scenario.about} It would end {after_words(self.lasted)}: {counts}."
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


class _Server(ScriptedServer):
    """A scripted server that keeps in mind when it took each mail, by Message-ID, in simulated time."""

    def __init__(self, scenario: Scenario, clock: SimulatedClock):
        super().__init__(scenario, clock=clock, pause=clock.wait)
        self.taken: dict[str, list[timedelta]] = {}

    def take(self, mail: Mail) -> str:
        refusal = super().take(mail)
        if not refusal:
            message_id = BytesHeaderParser().parsebytes(mail.content)["Message-ID"]
            self.taken.setdefault(message_id, []).append(timedelta(seconds=self.now()))
        return refusal


@dataclass(frozen=True, slots=True)
class Stage:
    """A copy of the record, a candidates file booked in it if there was one: days can be played on it, one by one.

    `waiting` is how many mails there were, `account` whose manners are tried; its password is not used.
    """

    copy: RecordCopy
    account: Account
    settings: Settings
    began: datetime
    booked: BatchReport | None
    waiting: int

    def play(self, scenario: str) -> Rehearsal:
        """One day, from the stage as it was set up. Raises SandboxFailed."""
        played, clock = named(scenario), SimulatedClock(self.began)
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, _marked_logs():
            copy = record_copies.duplicate(self.copy, Path(folder))
            try:
                return self._play(copy, played, clock)
            finally:
                copy.db.close()

    def _play(self, copy: RecordCopy, played: Scenario, clock: SimulatedClock) -> Rehearsal:
        own = self.settings.model_copy(update={"database_url": SecretStr(copy.url)})
        ids = record_copies.waiting_mails(copy.db)
        lines = max(1, min(self.account.connections, len(ids) // LARGEST_GROUP))
        pace = _TakesTime(clock.wait, MAIL_SECONDS / lines)
        with _Server(replace(played, rules=(pace, *played.rules)), clock) as server:
            timeline, pause = _deliver(copy, _stand_in(self.account, played, server), own, clock)
        mails = _mails(copy, ids, self.began, pause, server.taken)
        return Rehearsal(
            played, self.began, mails, clock.now() - self.began, timeline, pause, self.booked,
            tuple(server.connections), tuple(record_copies.setbacks(copy.db)), self.waiting,
        )  # fmt: skip


@contextmanager
def stage(
    record: Database, *, account: Account, settings: Settings, now: datetime, file: Path | None = None, most: int = 0
) -> Iterator[Stage]:
    """Copies the record, books a `file` in the copy, and keeps `most` of the queued mails (0: every one).

    Raises FileRefused and DatabaseUnusable.
    """
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, _marked_logs():
        copy = record_copies.copy_into(Path(folder), record, now=now)
        try:
            own = settings.model_copy(update={"database_url": SecretStr(copy.url)})
            booked = _booked(copy, file, own, now) if file is not None else None
            waiting = len(record_copies.waiting_mails(copy.db))
            if 0 < most < waiting:
                record_copies.keep_some(copy.db, most)
            yield Stage(copy, account, settings, now, booked, waiting)
        finally:
            copy.db.close()


def rehearse(
    record: Database, scenario: str, *, account: Account, settings: Settings, now: datetime, file: Path | None = None
) -> Rehearsal:
    """Sends the queued mails, with a `file` those of its rows as well, as if the server had such a day from `now` on.

    Raises SandboxFailed for an unknown scenario or where no server can be had, FileRefused, and DatabaseUnusable.
    """
    named(scenario)
    with stage(record, account=account, settings=settings, now=now, file=file) as ready:
        return ready.play(scenario)


def _booked(copy: RecordCopy, file: Path, settings: Settings, now: datetime) -> BatchReport:
    return batches.book_batch(copy.db, file, settings=settings, ring=copy.ring, clock=lambda: now, trace=False)


def _stand_in(account: Account, played: Scenario, server: ScriptedServer) -> Account:
    """The account with the scripted server behind it. The real password or token is not shown to it."""
    user = (account.user or _USER) if played.mechanisms else ""
    # Its own authority would make a good one of it, as no real server's settings would.
    authority = None if played.certificate == SELF_SIGNED else server.authority
    return replace(
        account, backend=SMTP, host=HOST, port=server.port, security=played.security, ca_file=authority,
        user=user, password=_NOT_THE_PASSWORD if user else SecretStr(""), auth=PASSWORD, token=None, dkim=None,
        timeout=min(account.timeout, STEP_SECONDS), deadline=min(account.deadline, LINE_SECONDS),
    )  # fmt: skip


def _deliver(
    copy: RecordCopy, account: Account, settings: Settings, clock: SimulatedClock
) -> tuple[tuple[tuple[float, int], ...], Pause | None]:
    """Delivers again and again as time goes by, until nothing waits or somebody must act."""
    timeline, sent, troubled, stop = [], 0, 0, _Stop(clock)
    # Mails are given up at their first try after MAX_AGE, which no pause puts off for longer than this.
    while clock() <= MAX_AGE + _LONGEST_WAIT:
        report = deliver(
            copy.db, account=account, settings=settings, ring=copy.ring, clock=clock.now, trace=False, stop=stop
        )
        sent += report.sent
        timeline.append((clock(), sent))
        due = outbox.next_due(copy.db, resend=account.on_unknown == RESEND)
        if report.pause is not None or due is None:
            return tuple(timeline), report.pause
        troubled = runs_in_trouble(troubled, report)
        clock.reach(clock() + max(due - times.epoch(clock.now()), _nap(troubled)))
    return tuple(timeline), None


def _nap(troubled: int) -> float:
    return troubled_nap(troubled) if troubled else 1.0


def _mails(
    copy: RecordCopy, ids: list[int], began: datetime, pause: Pause | None, taken: dict[str, list[timedelta]]
) -> tuple[RehearsedMail, ...]:
    known = record_copies.copied_mails(copy.db, now=began)
    return tuple(
        _mail(row, known[row.notification_id], began, taken) for row in history.mails(copy.db, ids, pause=pause)
    )


def _mail(row: MailRow, known: CopiedMail, began: datetime, taken: dict[str, list[timedelta]]) -> RehearsedMail:
    # What was tried before, on the real record, is no part of this.
    is_settled = row.attempts and known.settled_at is not None and known.settled_at >= began
    after = known.settled_at - began if is_settled else None
    return RehearsedMail(row, after, tuple(taken.get(known.message_id, ())), known.opens_at)


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


def cause_of(signature: str) -> tuple[str, str]:
    """What a setback's signature means, and what to do about it; empty for one that has no words of its own."""
    known = next((one for one in (*LINE_FAULTS, *PROVIDER_REPLIES, *GENERAL_REPLIES) if one.id == signature), None)
    return (known.cause, known.fix.replace("{place}", "the server")) if known else ("", "")


def after_words(span: timedelta) -> str:
    """`after 2 h 5 min`, `at once`"""
    return f"after {span_words(span)}" if span >= timedelta(seconds=1) else "at once"


def span_words(span: timedelta) -> str:
    """`2 d 3 h`, `2 h 5 min`, or seconds below a minute."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts[:2]) or f"{seconds} s"
