"""Delivering what the outbox holds: workers over several connections, once or for ever, and the report of a run."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer import sandbox
from mailer.account import SANDBOX, Account
from mailer.worker import LARGEST_GROUP, Post, Tally, Worker
from store import accounts, outbox, times
from store.accounts import Pause
from store.database import Database, fetch
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)

LONGEST_NAP = 5.0
"""Seconds between looks into the outbox while following it."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a run did: mails by what became of them, failures by signature, and the account's pause if it stands.

    `waiting` is how many mails are still in the outbox (queued, claimed or handed over) of those the run was for.
    """

    states: Counter = field(default_factory=Counter)
    troubles: Counter = field(default_factory=Counter)
    pause: Pause | None = None
    line_fix: str = ""
    waiting: int = 0

    @property
    def sent(self) -> int:
        return self.states["sent"]

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed, is unknown, is paused or still waits."""
        return not (self.states["failed"] or self.states["unknown"] or self.pause or self.waiting)

    def sentence(self) -> str:
        """One line for people."""
        said = f"{self.sent} sent, {self.states['failed']} failed, {self.states['unknown']} unknown, {self.waiting} waiting."
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
    db: Database, *, account: Account, settings: Settings, ring: KeyRing, clock: Callable[[], datetime] = times.now,
    interview_id: int | None = None, trace: bool = True, progress: Callable[[int], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> DeliveryReport:  # fmt: skip
    """Sends everything that is due, then returns. Any number of these may run at once, anywhere.

    Mails that are to be tried again later stay queued for a later run. Raises StoreError if the record cannot be used.
    """
    stop = stop or threading.Event()
    with reachable(account) as account:
        post = Post(db, account, settings, ring, lambda: times.epoch(clock()), interview_id, trace, progress)
        tally = _run_workers(post, _connections(post), stop)
    return _report(post, tally)


def _connections(post: Post) -> int:
    due = fetch(post.db, "SELECT count(*) FROM (SELECT 1 FROM notification WHERE state = 'queued' LIMIT 5000) AS due")[
        0
    ][0]
    needed = 1 if post.interview_id is not None else max(1, due // LARGEST_GROUP)
    return min(post.account.connections, needed)


def _run_workers(post: Post, count: int, stop: threading.Event) -> Tally:
    workers = [Worker(post) for _ in range(count)]
    errors: list[BaseException] = []
    threads = [threading.Thread(target=_work, args=(worker, stop, errors), daemon=True) for worker in workers[1:]]
    for thread in threads:
        thread.start()
    try:
        _work(workers[0], stop, errors, in_thread=False)
    except BaseException:
        stop.set()
        raise
    finally:
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    tally = Tally()
    for worker in workers:
        tally.add(worker.tally)
    return tally


def _work(worker: Worker, stop: threading.Event, errors: list[BaseException], in_thread: bool = True) -> None:
    try:
        while not stop.is_set():
            wait = worker.step()
            if wait is None:
                return
            stop.wait(wait)
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits for all workers
        stop.set()
        errors.append(error)
    finally:
        worker.close()
        if in_thread:
            worker.post.db.close()


def _report(post: Post, tally: Tally) -> DeliveryReport:
    pause = accounts.paused(post.db, post.account.fingerprint)
    condition, parameters = ("AND interview_id = ?", (post.interview_id,)) if post.interview_id else ("", ())
    sql = f"SELECT count(*) FROM notification WHERE state IN ('queued', 'claimed', 'handed_over') {condition}"
    waiting = fetch(post.db, sql, parameters)[0][0]
    if pause is not None and waiting:
        log.error(
            "[EMAIL NOT SENT] %s mails wait, the account is paused: %s To fix: %s", waiting, pause.reason, pause.fix
        )
    fix = tally.line_trouble.fix if tally.line_trouble else ""
    return DeliveryReport(tally.states, tally.troubles, pause, fix, waiting)


def follow(
    db: Database, *, account: Account, settings: Settings, ring: KeyRing, stop: threading.Event, trace: bool = True
) -> DeliveryReport:
    """Delivers until `stop` is set: mails go as they fall due; a server that is away is tried again with growing pauses."""
    total, troubled = DeliveryReport(), 0
    with reachable(account) as account:
        while not stop.is_set():
            done = deliver(db, account=account, settings=settings, ring=ring, trace=trace, stop=stop)
            total = replace(done, states=total.states + done.states, troubles=total.troubles + done.troubles)
            troubled = troubled + 1 if done.line_fix else 0
            stop.wait(_nap(db, troubled))
    return total


def _nap(db: Database, troubled: int) -> float:
    if troubled:
        return min(LONGEST_NAP * 2**troubled, 900.0)
    due = outbox.next_due(db)
    return LONGEST_NAP if due is None else min(max(due - time.time(), 0.2), LONGEST_NAP)
