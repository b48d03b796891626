"""One delivery worker: claims a few mails, composes and seals them, hands them over, sends them, settles them; again."""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import random

from mailer import attempts
from mailer.account import RESEND, Account
from mailer.errors import Refused
from mailer.letters import Letter
from mailer.messages import compose
from mailer.seal import seal
from mailer.signatures import classify, retry_pause
from mailer.smtp import Conversation
from mailer.verdicts import PAUSE, Verdict
from store import accounts, outbox, session_keys, times
from store.database import Database
from store.errors import Refusal
from store.facts import CANCELLED, HandOver
from store.outbox import OutboxMail, Settlement
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)

FIRST_GROUP, LARGEST_GROUP = 8, 128
"""Mails claimed at once: a group is committed together, so it grows while the server is fast and shrinks when it is not."""
SETTLE_SECONDS = 0.5
RECOVER_SECONDS = 1.0
FRUITLESS_CONVERSATIONS = 3


@dataclass(slots=True)
class Tally:
    """What a run did, by state; and the connection's trouble that stopped it, if any."""

    states: Counter = field(default_factory=Counter)
    troubles: Counter = field(default_factory=Counter)
    line_trouble: Verdict | None = None

    def add(self, other: "Tally") -> None:
        self.states += other.states
        self.troubles += other.troubles
        self.line_trouble = self.line_trouble or other.line_trouble


@dataclass(frozen=True, slots=True)
class Post:
    """What every worker of a run works with."""

    db: Database
    account: Account
    settings: Settings
    ring: KeyRing
    clock: Callable[[], float]
    interview_id: int | None = None
    trace: bool = True
    progress: Callable[[int], None] = lambda _: None


class Worker:
    """Sends what is due over one connection. `tally` tells what it did."""

    def __init__(self, post: Post):
        self.post, self.tally = post, Tally()
        self.owner = secrets.token_hex(8)
        self._conversation: Conversation | None = None
        self._group = FIRST_GROUP
        self._fruitless = 0
        self._recovered_at = -RECOVER_SECONDS

    def step(self) -> float | None:
        """One group of mails. Gives seconds to wait before the next step (0: go on), None if nothing is due."""
        post, account, now = self.post, self.post.account, self.post.clock()
        self._recover(now)
        if accounts.paused(post.db, account.fingerprint) or self._fruitless >= FRUITLESS_CONVERSATIONS:
            return None
        wanted, wait = accounts.permits(
            post.db, account.fingerprint, per_minute=account.rate, wanted=self._group, now=now
        )
        if not wanted:
            return wait
        mails = outbox.claim(
            post.db, owner=self.owner, now=now, lease=account.lease, limit=wanted, interview_id=post.interview_id
        )
        if not mails:
            return None
        self._deliver(mails, now)
        return None if self.tally.line_trouble else 0.0

    def _recover(self, now: float) -> None:
        # Leases last for minutes: looking for expired ones before every group would only cost.
        if not 0 <= now - self._recovered_at < RECOVER_SECONDS:
            account = self.post.account
            outbox.recover(self.post.db, now=now, hold=account.hold, resend=account.on_unknown == RESEND)
            self._recovered_at = now

    def close(self) -> None:
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None

    def _deliver(self, mails: list[OutboxMail], now: float) -> None:
        if self.post.trace:
            for mail in mails:
                attempts.log_start(mail, self.post.account)
        open_mails = {mail.id: mail for mail in mails}
        try:
            if self._connect(mails):
                began = time.monotonic()
                self._send(open_mails, now)
                self._resize(time.monotonic() - began)
            open_mails.clear()
        finally:
            # Whatever stopped this worker, mails that it surely did not send are free at once.
            self._settle([(mail, attempts.released(mail, now), None) for mail in open_mails.values()], quiet=True)

    def _connect(self, mails: Sequence[OutboxMail]) -> bool:
        if self._conversation is not None and self._conversation.alive:
            return True
        try:
            self._conversation = Conversation(self.post.account).open()
        except Refused as refused:
            self._no_connection(mails, refused)
            return False
        return True

    def _no_connection(self, mails: Sequence[OutboxMail], refused: Refused) -> None:
        now, verdict = self.post.clock(), classify(refused.failure)
        self.tally.line_trouble = verdict
        self.tally.troubles[verdict.signature_id] += 1
        if verdict.decision == PAUSE:
            self._pause(verdict, str(refused.failure), now)
            due_at = now
        else:
            due_at = now + retry_pause(1, verdict, random)
        text = str(refused.failure)
        results = [
            (mail, Settlement(mail.id, "queued", due_at, mail.attempts, mail.handed_over_at, verdict.signature_id, text,
                              verdict.fix), verdict)
            for mail in mails
        ]  # fmt: skip
        self._settle(results)

    def _pause(self, verdict: Verdict, reason: str, now: float) -> None:
        accounts.pause(
            self.post.db,
            self.post.account.fingerprint,
            signature=verdict.signature_id,
            reason=reason,
            fix=verdict.fix,
            now=now,
        )

    def _send(self, waiting: dict[int, OutboxMail], now: float) -> None:
        post, account = self.post, self.post.account
        record = HandOver(times.from_epoch(now), account.from_address, account.from_name, post.settings.backend_url)
        letters = self._compose(waiting, record, now)
        moment = post.clock()
        lease_until = moment + account.lease
        allowed = outbox.hand_over(
            post.db,
            [letter.id for letter in letters],
            owner=self.owner,
            record=record,
            now=moment,
            lease_until=lease_until,
        )
        for letter in letters:
            if letter.id not in allowed:
                mail = waiting.pop(letter.id)
                log.info("EMAIL: not sent, a newer mail took its place (interview %s)", mail.interview_id)
                self.tally.states["superseded"] += 1
        self._converse([letter for letter in letters if letter.id in allowed], waiting, lease_until)

    def _compose(self, waiting: dict[int, OutboxMail], record: HandOver, now: float) -> list[Letter]:
        letters, failed = [], []
        for mail in list(waiting.values()):
            try:
                letters.append(self._letter(mail, mail.hand_over or record))
            except (Refusal, ValueError) as error:
                failed.append((waiting.pop(mail.id), attempts.not_composed(mail, error, now), None))
        self._settle(failed)
        return letters

    def _letter(self, mail: OutboxMail, record: HandOver) -> Letter:
        facts = mail.facts
        link = session_keys.link(
            record.backend_url, session_keys.session_key(mail.public, mail.key_id, mail.generation, self.post.ring)
        )
        data = compose(facts, record, message_id=mail.message_id, token=mail.token, link=link)
        said_link = None if facts.kind == CANCELLED else link
        seal(data, recipient=mail.recipient, sender=record.from_address, link=said_link)
        return Letter(mail.id, record.from_address, mail.recipient, data, self._may_go)

    def _may_go(self) -> bool:
        return self._lease_until - self.post.clock() > self.post.account.deadline

    def _converse(self, letters: list[Letter], waiting: dict[int, OutboxMail], lease_until: float) -> None:
        self._lease_until = lease_until
        results, accepted, last = [], 0, time.monotonic()
        for outcome in self._conversation.send(letters):
            now = self.post.clock()
            mail = waiting.pop(outcome.letter_id)
            result, verdict = attempts.settled(
                mail, outcome, self.post.account, now=now, at_once=accepted > 0, random=random
            )
            accepted += outcome.accepted
            results.append((mail, result, verdict))
            if verdict is not None and verdict.decision == PAUSE:
                self._pause(verdict, str(outcome.failure), now)
                break
            if time.monotonic() - last > SETTLE_SECONDS:
                self._settle(results)
                results, last = [], time.monotonic()
        self._settle(results)
        self._fruitless = 0 if accepted or self._conversation.alive else self._fruitless + 1
        if waiting:
            # The account was paused: the rest was handed over in the record only, and goes back.
            self.close()
            self._settle([(mail, attempts.released(mail, self.post.clock()), None) for mail in waiting.values()])
            waiting.clear()

    def _settle(self, results: list[tuple[OutboxMail, Settlement, Verdict | None]], quiet: bool = False) -> None:
        if not results:
            return
        outbox.settle(self.post.db, [result for _, result, _ in results], owner=self.owner, now=self.post.clock())
        for mail, result, verdict in results:
            if verdict is not None or result.signature:
                self.tally.troubles[result.signature] += 1
            self.tally.states["later" if result.state == "queued" else result.state] += 1
            if (self.post.trace or result.state != "sent") and not quiet:
                attempts.log_result(mail, result, verdict)
        self.post.progress(sum(1 for _, result, _ in results if result.state != "queued"))

    def _resize(self, seconds: float) -> None:
        if seconds < 1.0:
            self._group = min(self._group * 2, LARGEST_GROUP)
        elif seconds > 4.0:
            self._group = max(self._group // 2, 1)
