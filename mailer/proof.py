"""Proof: what became of each mail, from the record over the delivered bytes to the page behind its link.

What one mail must say is in `proof_checks`, which mails there are in `proof_cases`, what arrived of them in `read_back`,
the visits in `portal_client`.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mailer import page_checks, proof_cases
from mailer.errors import MailerError
from mailer.mailbox import Mailbox
from mailer.mailboxes import Mailboxes
from mailer.portal_client import NotOpened, PortalClient, PortalUnusable
from mailer.proof_cases import Case
from mailer.proof_checks import Booked, Problem
from mailer.read_back import DELIVERY_NOT_CHECKED, ReadBack
from store import accounts, history, sessions
from store.database import Database, database_id
from store.facts import CANCELLED
from store.history import MailRow
from store.redaction import masked_address, one_line, redact
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)

PROVEN, FAILED, NOT_CHECKED = "proven", "failed", "not checked"
PATIENCE = 60.0
"""Seconds that mails may take to the mailbox of a real server."""
NOT_OPENED = "not opened"
_DELIVER = "run `python -m mailer deliver`, then prove again."


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One mail's proof, fit to be shown: `who` is masked, nothing holds a key. `link` is the page's state.

    A mail that is not `is_newest` was followed by another, and is held to what was booked when it was made.
    """

    notification_id: int
    interview_id: int
    kind: str
    who: str
    state: str
    delivered: str
    link: str
    verdict: str
    problems: tuple[str, ...]
    fix: str
    is_newest: bool = True


@dataclass(frozen=True, slots=True)
class ProofReport:
    """The rows of a proof. `mails` is how many mails there were to choose from: more than rows for a sample.

    `not_read_back` is why the mailbox could not be read, with the fix; empty if it could, if none is set, and if no mail
    lacks it.
    """

    rows: tuple[ProofRow, ...]
    mails: int
    not_read_back: str = ""

    @property
    def counts(self) -> Counter:
        """Rows by verdict."""
        return Counter(row.verdict for row in self.rows)

    @property
    def is_proven(self) -> bool:
        """Whether there are rows and every one is proven."""
        return bool(self.rows) and self.counts[PROVEN] == len(self.rows)

    @property
    def sentence(self) -> str:
        """What ops may rely on, in words; it never sounds better than the worst row."""
        if not self.rows:
            return "There is no mail to prove."
        total, proven = len(self.rows), self.counts[PROVEN]
        said = f"{proven} of {_mails(total)} {'is' if 1 in (proven, total) else 'are'} proven"
        said += f": {self._all_proven()}." if self.is_proven else "."
        said += self._worst(FAILED, "failed") + self._worst(NOT_CHECKED, "not checked")
        if (left := self.mails - total) > 0:
            said += f" This is a sample: {left} more of this run {'was' if left == 1 else 'were'} not looked at."
        return said

    def _all_proven(self) -> str:
        cancelled = sum(row.kind == CANCELLED for row in self.rows)
        without = f" (a cancelled one has none: {cancelled})" if cancelled else ""
        return (
            f"delivered to the right address, each with its own link{without}, {self._times_proven()},"
            " and the link opens that candidate's page"
        )

    def _times_proven(self) -> str:
        older = sum(not row.is_newest for row in self.rows)
        if older == len(self.rows):
            return "the time that was booked then"
        return f"the right time (an older mail says what was booked then: {older})" if older else "the right time"

    def _worst(self, verdict: str, word: str) -> str:
        rows = [row for row in self.rows if row.verdict == verdict]
        if not rows:
            return ""
        row, first = rows[0], "" if len(rows) == 1 else "the first is "
        be = "" if word == "failed" else "is " if len(rows) == 1 else "are "
        where = f"{first}{sessions.interview_code(row.interview_id)} ({row.who})"
        return f" {len(rows)} {be}{word}, {where}: {row.problems[0]} To fix: {row.fix}"


def _mails(count: int) -> str:
    return f"{count} mail{'' if count == 1 else 's'}"


def prove(
    db: Database, *, notification_ids: Sequence[int] | None = None, batch_id: int | None = None,
    sample: int | None = None, mailbox: Path | Mailboxes | MailerError | None, backend_url_of_portal: str, settings: Settings,
    ring: KeyRing, now: datetime, account_fingerprint: str = "", progress: Callable[[int], None] = lambda _: None,
    patience: float = PATIENCE,
) -> ProofReport:  # fmt: skip
    """Proves the named mails, or the newest of every interview that a batch mailed, or of all; writes proof visits only.

    `mailbox` is where the mails were delivered: a Maildir, or the opened mailbox of a real server, where mails may take
    `patience` seconds to arrive; with None nothing is read back, and no row is proven. A mailbox that cannot be opened
    (then its refusal is given) or read any more leaves the mails not checked, and the links are opened all the same.
    The portal is asked at `backend_url_of_portal`, or where the settings say that it listens if that is empty. `now` is
    the instant of the call; a queued mail is told to be paused if the account of that fingerprint is. Raises ValueError
    for both ids and a batch, NotFound for an unknown id.
    """
    if notification_ids is not None and batch_id is not None:
        raise ValueError("give notification_ids or batch_id, not both")
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    mails = proof_cases.listed(db, notification_ids=notification_ids, batch_id=batch_id)
    delivered = ReadBack(Mailbox(mailbox) if isinstance(mailbox, Path) else mailbox)
    delivered.wait_for({mail.message_id for mail in mails if not mail.is_unsent}, patience)
    chosen = proof_cases.sampled(mails, sample, delivered.doubtful(mails))
    address = backend_url_of_portal or _own_address(settings)
    with PortalClient(address, settings.backend_host) as portal:
        proof = _Proof(db, ring, delivered, portal, clock)
        rows: list[ProofRow] = []
        pause = accounts.paused(db, account_fingerprint)
        for chunk in proof_cases.cases(db, [mail.id for mail in chosen], pause):
            rows += proof.rows(chunk)
            progress(len(chunk))
    report = ProofReport(tuple(rows), len(mails), _not_read_back(rows, delivered))
    log.info("PROOF: %s", report.sentence)
    return report


def _not_read_back(rows: Sequence[ProofRow], delivered: ReadBack) -> str:
    is_lacking = any(row.delivered == DELIVERY_NOT_CHECKED for row in rows)
    return _shown(delivered.refused.line()) if delivered.refused is not None and is_lacking else ""


def _own_address(settings: Settings) -> str:
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.portal_host, settings.portal_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.portal_port}"


class _Proof:
    """What all rows of one proof share. `clock` gives aware UTC."""

    def __init__(
        self, db: Database, ring: KeyRing, delivered: ReadBack, portal: PortalClient, clock: Callable[[], datetime]
    ):
        self.db, self.ring, self.delivered, self.portal, self.clock = db, ring, delivered, portal, clock
        self.database = database_id(db)
        self.no_portal = self._checked_portal()

    def _checked_portal(self) -> Problem | None:
        try:
            self.portal.check(self.database)
        except PortalUnusable as error:
            return Problem("portal", str(error), error.fix)
        return None

    def rows(self, cases: Sequence[Case]) -> list[ProofRow]:
        self.delivered.look_again()
        return [self._row(case) for case in cases]

    def _row(self, case: Case) -> ProofRow:
        if case.state != "sent":
            verdict = NOT_CHECKED if case.state == "superseded" else FAILED
            return _row(case, "not sent", NOT_OPENED, verdict, [_unsent("It", case.unsent)])
        booked = case.booked(self.ring, self.database)
        delivered, problems = self.delivered.of(case, booked)
        link, refused = self._opened(case, booked)
        problems += refused
        if case.unsent is not None:
            problems.insert(0, _unsent(f"A newer mail of this interview ({case.unsent.kind})", case.unsent))
        if problems:
            return _row(case, delivered, link, FAILED, problems)
        if delivered == DELIVERY_NOT_CHECKED:
            return _row(case, delivered, link, NOT_CHECKED, [self.delivered.why_not])
        return _row(case, delivered, link, PROVEN, [])

    def _opened(self, case: Case, booked: Booked) -> tuple[str, list[Problem]]:
        if self.no_portal is not None:
            return NOT_OPENED, [self.no_portal]
        try:
            page, problems = page_checks.visit(
                self.db, case, booked, portal=self.portal, ring=self.ring, clock=self.clock
            )
        except PortalUnusable as error:
            self.no_portal = Problem("portal", str(error), error.fix)
            return NOT_OPENED, [self.no_portal]
        except NotOpened as error:
            return NOT_OPENED, [Problem("link", str(error), error.fix)]
        return page.state or "no page", problems


def _unsent(subject: str, mail: MailRow) -> Problem:
    """Why a proof cannot be made of a mail, `subject`, that was not sent."""
    if mail.state == "superseded":
        return Problem("superseded", "A newer mail of this interview took its place.", "prove the newer mail.")
    if mail.state in history.IN_HAND:
        what = f"{subject} is being sent, or the program that was sending it has ended."
        return Problem("sending", what, f"prove again when it is sent; {mail.fix}")
    if mail.state == history.PAUSED:
        return Problem("paused", f"{subject} is not sent yet, sending is paused: {mail.reply}", mail.fix)
    if mail.state == "queued":
        reason = f" The last try: {mail.reply}" if mail.reply else ""
        return Problem("queued", f"{subject} is not sent yet.{reason}", mail.fix or _DELIVER)
    said = "was not sent" if mail.state == "failed" else "may have arrived or not"
    fix = mail.fix or f"see why, then run `python -m mailer resend {mail.notification_id}`."
    return Problem(mail.state, f"{subject} {said}: {mail.reply or 'no reason is recorded'}", fix)


def _row(case: Case, delivered: str, link: str, verdict: str, problems: list[Problem]) -> ProofRow:
    fixes = dict.fromkeys(problem.fix for problem in problems)
    return ProofRow(
        case.id, case.interview_id, case.kind, masked_address(case.recipient), case.state, delivered, link, verdict,
        tuple(_shown(problem.what) for problem in problems), " ".join(_shown(fix) for fix in fixes), case.is_newest,
    )  # fmt: skip


def _shown(text: str) -> str:
    return one_line(redact(text))
