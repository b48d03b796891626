"""Delivering what the outbox holds: workers over several connections, once or for ever, and the report of a run."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import random

from mailer import sandbox
from mailer.account import RESEND, SANDBOX, Account
from mailer.interrupts import finished_first
from mailer.worker import LARGEST_GROUP, Post, Tally, Worker
from store import accounts, outbox, times
from store.accounts import Pause
from store.database import Database
from store.outbox import ALL, Scope
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)

LONGEST_NAP, LONGEST_TROUBLED_NAP = 2.0, 900.0
"""Seconds between looks into the outbox while following it; and while the mail server is in trouble."""
_LEAVING_SECONDS = 1.5
"""So long workers have to settle their mails after an interrupt has waited for their servers (see `interrupts`)."""
WAITING = "waiting"
NAMED = 20
"""So many interviews are named in the line that says which mails wait."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a run did: mails by what became of them, failures by signature, and the account's pause if it stands.

    `alerts` tells the same of mails to ops, with those that wait; all else is about candidates' mails.
    `waiting` is how many mails are still on their way of those the run was for: queued, claimed, handed over, or
    unknown and to be sent again after the hold. `line_fix` is what to do about a line that left some waiting.
    """

    states: Counter = field(default_factory=Counter)
    troubles: Counter = field(default_factory=Counter)
    pause: Pause | None = None
    line_fix: str = ""
    waiting: int = 0
    alerts: Counter = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.states["sent"]

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed, is unknown, is paused or still waits."""
        troubled = any(self.alerts[state] for state in ("failed", "unknown", WAITING))
        return not (self.states["failed"] or self.states["unknown"] or self.pause or self.waiting or troubled)

    def sentence(self) -> str:
        """One line for people."""
        said = f"{self.sent} sent, {self.states['failed']} failed, {self.states['unknown']} unknown, {self.waiting} waiting."
        if any(self.alerts.values()):
            kinds = ("sent", "failed", "unknown", WAITING)
            told = ", ".join(f"{self.alerts[kind]} {kind}" for kind in kinds if self.alerts[kind])
            said += f" Alerts to ops: {told or 'none sent'}."
        if self.pause is not None:
            return f"{said} The mail account is paused: {self.pause.reason} To fix: {self.pause.fix}"
        return f"{said} To fix: {self.line_fix}" if self.line_fix else said


@contextmanager
def reachable(account: Account) -> Iterator[Account]:
    """The account with a server behind it: the sandbox, where it was chosen, runs as a child process meanwhile."""
    if account.backend != SANDBOX or account.port:
        yield account
    else:
        with sandbox.start(account.mailbox) as server:
            yield replace(account, host=server.host, port=server.port)


def deliver(
    db: Database, *, account: Account, settings: Settings, ring: KeyRing | None, clock: Callable[[], datetime] = times.now,
    interview_id: int | None = None, mail_id: int | None = None, trace: bool = True,
    progress: Callable[[int], None] = lambda _: None, stop: threading.Event | None = None,
) -> DeliveryReport:  # fmt: skip
    """Sends everything that is due, or what is of one interview, or one mail; then returns.

    Any number of these may run at once, anywhere. An alert to ops needs no `ring`. `progress` counts candidates' mails.
    Mails that are to be tried again later stay queued for a later run. Who gives a `stop` sets it to have mails on the
    line ended and no other begun; else an interrupt does that, and KeyboardInterrupt follows.
    Raises StoreError if the record cannot be used.
    """
    with reachable(account) as account, nullcontext(stop) if stop else finished_first() as stop:
        post = Post(
            db, account, settings, ring, lambda: times.epoch(clock()), Scope(interview_id, mail_id), trace, progress, stop,
        )  # fmt: skip
        return _report(post, _run_workers(post, _connections(post)))


def _connections(post: Post) -> int:
    if post.scope != ALL:
        return 1
    most = post.account.connections * LARGEST_GROUP
    due = outbox.due(post.db, now=post.clock(), limit=most)
    return max(1, due // LARGEST_GROUP)


def _run_workers(post: Post, count: int) -> Tally:
    workers = [Worker(post) for _ in range(count)]
    errors: list[Exception] = []
    # Events, for Python 3.11 takes a thread for ended whose join() was interrupted.
    ended = {worker: threading.Event() for worker in workers[1:]}
    try:
        for worker, is_over in ended.items():
            threading.Thread(target=_help, args=(worker, errors, is_over), daemon=True).start()
        _work_noting(workers[0], errors)
        for is_over in ended.values():
            is_over.wait()
    except BaseException:
        # Only an interrupt that does not wait any longer.
        post.stop.set()
        _leave(ended)
        raise
    if errors:
        raise errors[0]
    able = [worker for worker in workers if not worker.tally.line_trouble]
    if 0 < len(able) < count:
        # A worker that had no line gave its mails back, perhaps after the others had looked for the last time.
        _work(able[0])
    tally = Tally()
    for worker in workers:
        tally.add(worker.tally)
    return tally


def _work(worker: Worker) -> None:
    stop = worker.post.stop
    try:
        while not stop.is_set():
            wait = worker.step()
            if wait is None:
                return
            stop.wait(wait)
    finally:
        worker.close()


def _work_noting(worker: Worker, errors: list[Exception]) -> None:
    try:
        _work(worker)
    except Exception as error:  # noqa: BLE001 - raised again when all workers have ended
        worker.post.stop.set()
        errors.append(error)


def _help(worker: Worker, errors: list[Exception], is_over: threading.Event) -> None:
    try:
        _work_noting(worker, errors)
    finally:
        worker.post.db.close()
        is_over.set()


def _leave(ended: Mapping[Worker, threading.Event]) -> None:
    """Has the workers in threads settle their mails without their server's answers, or settles them in their place."""
    until = time.monotonic() + _LEAVING_SECONDS
    for worker in ended:
        worker.cut()
    for worker, is_over in ended.items():
        if not is_over.wait(max(until - time.monotonic(), 0)):
            worker.let_go()


def _report(post: Post, tally: Tally) -> DeliveryReport:
    pause = accounts.paused(post.db, post.account.fingerprint)
    resend = post.account.on_unknown == RESEND
    waiting = outbox.waiting(post.db, resend=resend, scope=post.scope)
    alerts = tally.alerts + Counter({WAITING: outbox.waiting_alerts(post.db, resend=resend, scope=post.scope)})
    trouble = tally.line_trouble if (waiting or alerts[WAITING]) and not post.stop.is_set() else None
    if pause is not None and (waiting or alerts[WAITING]):
        _log_waiting(post, tally, f"the account is paused ({pause.reason}).", pause.fix)
    elif trouble is not None:
        _log_waiting(post, tally, f"{trouble.cause}.", trouble.fix)
    return DeliveryReport(tally.states, tally.troubles, pause, trouble.fix if trouble else "", waiting, alerts)


def _log_waiting(post: Post, tally: Tally, reason: str, fix: str) -> None:
    # A mail that this run tried has a line of its own already.
    count, named = outbox.first_waiting(post.db, limit=NAMED, untried=bool(tally.states), scope=post.scope)
    if count:
        more = f" and {count - len(named)} more" if count > len(named) else ""
        log.error("[EMAIL NOT SENT] interview %s%s: %s To fix: %s", ", ".join(map(str, named)), more, reason, fix)
    alerts = 0 if tally.alerts else outbox.waiting_alerts(post.db, resend=False, scope=post.scope)
    if alerts:
        log.error("[EMAIL NOT SENT] alerts to ops (%s): %s To fix: %s", alerts, reason, fix)


def follow(
    db: Database, *, account: Account, settings: Settings, ring: KeyRing, stop: threading.Event, trace: bool = True
) -> DeliveryReport:
    """Delivers until `stop` is set: mails go as they fall due; a server that is away is tried again with growing pauses."""
    total, troubled = DeliveryReport(), 0
    with reachable(account) as account:
        while not stop.is_set():
            if total.pause is None or accounts.paused(db, account.fingerprint) != total.pause:
                done = deliver(db, account=account, settings=settings, ring=ring, trace=trace, stop=stop)
                total = replace(done, states=total.states + done.states, troubles=total.troubles + done.troubles,
                                alerts=_alerts_so_far(total, done))  # fmt: skip
                troubled = runs_in_trouble(troubled, done)
            stop.wait(LONGEST_NAP if total.pause else _nap(db, account, troubled))
    return total


def _alerts_so_far(before: DeliveryReport, done: DeliveryReport) -> Counter:
    # Those that wait are counted anew each time.
    return Counter({state: count for state, count in before.alerts.items() if state != WAITING}) + done.alerts


def runs_in_trouble(before: int, done: DeliveryReport) -> int:
    """How many runs in a row the line was in trouble, this one included; one that sent something begins anew."""
    if not done.line_fix:
        return 0
    return 1 if done.sent or done.alerts["sent"] else before + 1


def troubled_nap(troubled: int) -> float:
    """Seconds to the next look after so many runs in trouble, before anything is added at random."""
    return min(LONGEST_NAP * 2 ** min(troubled, 10), LONGEST_TROUBLED_NAP)


def _nap(db: Database, account: Account, troubled: int) -> float:
    if troubled:
        return troubled_nap(troubled) * (1 + random() / 2)
    due = outbox.next_due(db, resend=account.on_unknown == RESEND)
    return LONGEST_NAP if due is None else min(max(due - times.epoch(times.now()), 0.2), LONGEST_NAP)
