"""One delivery worker: claims a few mails, composes and seals them, hands them over, sends them, settles them; again."""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import random

from mailer import alert_mail, attempts
from mailer.account import RESEND, Account
from mailer.alert_seal import seal_alert
from mailer.dkim_signing import SigningRefused, sign
from mailer.errors import Failure, MailerError, Refused
from mailer.letters import Letter, Outcome
from mailer.messages import compose
from mailer.seal import seal
from mailer.signatures import classify, lifting
from mailer.smtp import Conversation
from mailer.verdicts import LATER, PAUSE, Verdict
from store import accounts, outbox, session_keys, times
from store.alerts import Alert
from store.database import Database
from store.errors import KeyRingUnusable, Refusal
from store.facts import CANCELLED, HandOver
from store.outbox import ALL, OutboxMail, Scope, Settlement
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)

FIRST_GROUP, LARGEST_GROUP = 8, 128
"""Mails claimed at once: a group is committed together, so it grows while the server is fast and shrinks when it is not."""
SETTLE_SECONDS = 0.2
RECOVER_SECONDS = 1.0
FRUITLESS_GROUPS = 3
"""A run ends after so many groups in a row of which the server answered nothing: a loop of connections helps nobody."""
LEASE_TOO_SHORT = Verdict(
    LATER,
    "the lease was over before a mail could go",
    "set EMAIL_LEASE well above EMAIL_DEADLINE.",
    0,
    "lease.too_short",
)
_NO_SESSION_FIX = "cancel the interview and book it again."
_RING_FIX = "start this program again, so that it reads SESSION_KEY_RING anew; if that does not help, restore the ring."

Result = tuple[OutboxMail, Settlement, Verdict | None]


@dataclass(slots=True)
class Tally:
    """What a run did, by state (`later`: tried, and to be tried again); and the line's trouble that stopped it, if any.

    Alerts to ops are counted apart, so that what is told of candidates' mails holds.
    """

    states: Counter = field(default_factory=Counter)
    troubles: Counter = field(default_factory=Counter)
    alerts: Counter = field(default_factory=Counter)
    line_trouble: Verdict | None = None

    def add(self, other: "Tally") -> None:
        self.states += other.states
        self.troubles += other.troubles
        self.alerts += other.alerts
        self.line_trouble = self.line_trouble or other.line_trouble

    def count(self, mail: OutboxMail, state: str) -> None:
        (self.alerts if mail.is_alert else self.states)[state] += 1


@dataclass(frozen=True, slots=True)
class Post:
    """What every worker of a run works with. `stop` ends it after the mails that are on the line.

    Without a `ring` only alerts to ops can be sent, which hold no link.
    """

    db: Database
    account: Account
    settings: Settings
    ring: KeyRing | None
    clock: Callable[[], float]
    scope: Scope = ALL
    trace: bool = True
    progress: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Talk:
    """What one group's conversation came to."""

    accepted: int = 0
    answered: int = 0
    trouble: Failure | None = None
    paused_by: tuple[Failure, Verdict] | None = None

    def note(self, outcome: Outcome) -> None:
        self.accepted += outcome.accepted
        self.answered += not outcome.withheld
        self.trouble = self.trouble or outcome.failure


def _sealed_alert(mail: OutboxMail, record: HandOver) -> bytes:
    data = alert_mail.compose(
        Alert.from_json(mail.facts_json), record, recipient=mail.recipient, message_id=mail.message_id, token=mail.token
    )
    seal_alert(data, recipient=mail.recipient, sender=record.from_address)
    return data


class Worker:
    """Sends what is due over one connection. `tally` tells what it did."""

    def __init__(self, post: Post):
        self.post, self.tally = post, Tally()
        self.owner = secrets.token_hex(8)
        self._conversation: Conversation | None = None
        self._group, self._fruitless = FIRST_GROUP, 0
        self._recovered_at = -RECOVER_SECONDS
        self._lease_until = 0.0
        self._open: dict[int, OutboxMail] = {}
        self._begun: set[int] = set()
        self._is_cut = False

    def step(self) -> float | None:
        """One group of mails. Gives seconds to wait before the next step (0: go on), None if nothing is due."""
        post, account, now = self.post, self.post.account, self.post.clock()
        self._recover(now)
        if accounts.paused(post.db, account.fingerprint):
            return None
        wanted, wait = self._permitted(now)
        if not wanted:
            return wait
        mails = outbox.claim(post.db, owner=self.owner, now=now, lease=account.lease, limit=wanted, scope=post.scope)
        if not mails:
            return None
        self._deliver(mails, now)
        return None if self.tally.line_trouble else 0.0

    def close(self) -> None:
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None

    def cut(self) -> None:
        """From another thread: ends the line, so that a worker who waits for an answer there settles its mails at once."""
        self._is_cut = True
        if (conversation := self._conversation) is not None:
            conversation.cut()

    def let_go(self) -> None:
        """From another thread, after `stop`: settles the mails of a worker who does not come back from where it waits.

        What it does with them later is nothing any more, for they are not its own then.
        """
        self._let_go(list(self._open.values()))

    def _recover(self, now: float) -> None:
        # Leases last for minutes: looking for expired ones before every group would only cost.
        if not 0 <= now - self._recovered_at < RECOVER_SECONDS:
            account = self.post.account
            found = outbox.recover(self.post.db, now=now, hold=account.hold, resend=account.on_unknown == RESEND)
            self.tally.states["unknown"] += found["unknown"]
            self.tally.alerts["unknown"] += found["unknown_alerts"]
            self._recovered_at = now

    def _permitted(self, now: float) -> tuple[int, float | None]:
        """How many mails to claim; if none, the seconds until a permit, or None if no mail is due."""
        post, account = self.post, self.post.account
        if not account.rate:
            return self._group, None
        # A permit taken for no mail would hold up the next one.
        wanted = outbox.due(post.db, now=now, limit=self._group, scope=post.scope)
        if not wanted:
            return 0, None
        return accounts.permits(post.db, account.fingerprint, per_minute=account.rate, wanted=wanted, now=now)

    def _deliver(self, mails: list[OutboxMail], now: float) -> None:
        if self.post.trace:
            for mail in mails:
                attempts.log_start(mail, self.post.account)
        self._begun.clear()
        self._open = {mail.id: mail for mail in mails}
        try:
            if self._connect(mails):
                began = time.monotonic()
                self._send(self._open, now)
                self._resize(time.monotonic() - began)
            self._open.clear()
        finally:
            self._let_go(self._open.values())

    def _let_go(self, mails: Iterable[OutboxMail]) -> None:
        """Whatever stopped this worker: a mail that was on the line is unknown, the others are free at once."""
        now, account, begun = self.post.clock(), self.post.account, self._begun
        self._settle([
            (mail, attempts.interrupted(mail, account, now) if mail.id in begun else attempts.released(mail, now), None)
            for mail in mails
        ])  # fmt: skip

    def _connect(self, mails: Sequence[OutboxMail]) -> bool:
        if self._conversation is not None and self._conversation.alive:
            return True
        try:
            # Known before it is open: it may be cut while the server's greeting is waited for.
            self._conversation = Conversation(self.post.account)
            self._conversation.open()
        except Refused as refused:
            self._no_connection(mails, refused.failure)
            return False
        return True

    def _no_connection(self, mails: Sequence[OutboxMail], failure: Failure) -> None:
        now, verdict = self.post.clock(), classify(failure)
        if self._is_cut:
            self._settle([(mail, attempts.released(mail, now), None) for mail in mails])
            return
        self.tally.line_trouble = verdict
        if verdict.decision == PAUSE:
            self._pause(verdict, failure, now)
        # Due at once: the line is in trouble, not these mails, and another worker may have a better one.
        self._settle([(mail, attempts.unsent(mail, failure, verdict, now), verdict) for mail in mails])

    def _pause(self, verdict: Verdict, reason: Failure, now: float) -> None:
        accounts.pause(
            self.post.db, self.post.account.fingerprint, signature=verdict.signature_id, reason=str(reason),
            fix=lifting(verdict), now=now,
        )  # fmt: skip

    def _send(self, waiting: dict[int, OutboxMail], now: float) -> None:
        post, account = self.post, self.post.account
        record = HandOver(times.from_epoch(now), account.from_address, account.from_name, post.settings.backend_url)
        letters = self._compose(waiting, record)
        moment = post.clock()
        self._lease_until = moment + account.lease
        allowed = outbox.hand_over(
            post.db, [letter.id for letter in letters], owner=self.owner, record=record, now=moment,
            lease_until=self._lease_until,
        )  # fmt: skip
        for letter in letters:
            if letter.id not in allowed:
                mail = waiting.pop(letter.id)
                log.info("EMAIL: Not sent, a newer mail or another worker took over (%s)", mail.about)
                self.tally.count(mail, "superseded")
        self._converse([letter for letter in letters if letter.id in allowed], waiting)

    def _compose(self, waiting: dict[int, OutboxMail], record: HandOver) -> list[Letter]:
        letters, failed = [], []
        for mail in list(waiting.values()):
            try:
                letters.append(self._letter(mail, mail.hand_over or record))
            except (KeyRingUnusable, SigningRefused):
                raise  # wrong for every mail, and no mail's fault
            except (Refusal, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                failed.append((waiting.pop(mail.id), attempts.not_composed(mail, error, self.post.clock()), None))
        self._settle(failed)
        return letters

    def _letter(self, mail: OutboxMail, record: HandOver) -> Letter:
        data = _sealed_alert(mail, record) if mail.is_alert else self._sealed(mail, record)
        if self.post.account.dkim is not None:
            data = sign(data, self.post.account.dkim)
        return Letter(mail.id, record.from_address, mail.recipient, data, self._may_go)

    def _sealed(self, mail: OutboxMail, record: HandOver) -> bytes:
        facts = mail.facts
        link = session_keys.link(record.backend_url, self._key(mail))
        data = compose(facts, record, message_id=mail.message_id, token=mail.token, link=link)
        said_link = None if facts.kind == CANCELLED else link
        seal(data, recipient=mail.recipient, sender=record.from_address, link=said_link)
        return data

    def _key(self, mail: OutboxMail) -> str:
        if mail.public is None:
            raise MailerError("The interview has no session, so there is no link to mail.", _NO_SESSION_FIX)
        if self.post.ring is None or mail.key_id not in self.post.ring:
            raise KeyRingUnusable(f"The key ring in use lacks the key {mail.key_id!r} of a booking.", _RING_FIX)
        return session_keys.session_key(mail.public, mail.key_id, mail.generation, self.post.ring)

    def _may_go(self) -> bool:
        in_time = self._lease_until - self.post.clock() > self.post.account.deadline
        return in_time and not self.post.stop.is_set()

    def _converse(self, letters: list[Letter], waiting: dict[int, OutboxMail]) -> None:
        results, talk, last = [], _Talk(), time.monotonic()
        try:
            for outcome in self._conversation.send(self._beginning(letters)):
                now, mail = self.post.clock(), waiting.pop(outcome.letter_id)
                result, verdict = attempts.settled(
                    mail, outcome, self.post.account, now=now, at_once=talk.accepted > 0, random=random
                )
                if self._is_cut and outcome.failure and outcome.failure.kind != "reply":
                    result, verdict = attempts.left(mail, outcome, self.post.account, now), None
                talk.note(outcome)
                results.append((mail, result, verdict))
                if verdict is not None and verdict.decision == PAUSE:
                    talk.paused_by = outcome.failure, verdict
                    break
                if time.monotonic() - last > SETTLE_SECONDS:
                    self._settle(results)
                    results, last = [], time.monotonic()
        finally:
            # Replies that were had are kept, whatever ends the conversation.
            self._settle(results)
        if talk.paused_by is not None:
            self._hold_back(waiting, *talk.paused_by)
        self._count(talk, len(letters))

    def _beginning(self, letters: list[Letter]) -> Iterator[Letter]:
        for letter in letters:
            self._begun.add(letter.id)
            yield letter

    def _hold_back(self, waiting: dict[int, OutboxMail], reason: Failure, verdict: Verdict) -> None:
        """Pauses the account; the rest of the group was handed over in the record only, and goes back."""
        self.close()
        self._begun.clear()
        now = self.post.clock()
        self._pause(verdict, reason, now)
        self._settle([(mail, attempts.released(mail, now), None) for mail in waiting.values()])
        for mail in waiting.values() if self.post.trace else ():
            attempts.log_held_back(mail, reason, verdict)
        waiting.clear()

    def _count(self, talk: _Talk, letters: int) -> None:
        if not letters or talk.accepted or talk.paused_by or (talk.answered and self._conversation.alive):
            self._fruitless = 0
            return
        self._fruitless += 1
        if self._fruitless >= FRUITLESS_GROUPS and not self.post.stop.is_set():
            self.tally.line_trouble = classify(talk.trouble) if talk.trouble else LEASE_TOO_SHORT

    def _settle(self, results: list[Result]) -> None:
        if not results:
            return
        outbox.settle(self.post.db, [result for _, result, _ in results], owner=self.owner, now=self.post.clock())
        for mail, result, verdict in results:
            if result.signature and not mail.is_alert:
                self.tally.troubles[result.signature] += 1
            if result.signature or result.state != "queued":
                self.tally.count(mail, "later" if result.state == "queued" else result.state)
            if self.post.trace or result.state != "sent":
                attempts.log_result(mail, result, verdict)
        self.post.progress(sum(1 for mail, result, _ in results if result.state != "queued" and not mail.is_alert))

    def _resize(self, seconds: float) -> None:
        if seconds < 1.0:
            self._group = min(self._group * 2, LARGEST_GROUP)
        elif seconds > 4.0:
            self._group = max(self._group // 2, 1)
