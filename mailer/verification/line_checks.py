"""The line to the mail server, looked at phase by phase: connection, greeting, encryption, login, addresses; no mail.

What a failure means is told in `signatures`; the phases themselves are in `session`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailer.account import PLAIN, SSL, Account
from mailer.certificates import Encryption
from mailer.errors import Failure, Refused
from mailer.general_replies import TOO_BIG
from mailer.letters import Letter
from mailer.session import Session
from mailer.signatures import LATER, classify
from mailer.verification import advice, stages
from mailer.verification.stages import FAILED, NOT_RUN, OK, WARNING, Row
from store import times
from store.redaction import masked_address

LINE = (stages.CONNECT, stages.HELLO, stages.TLS, stages.LOGIN, stages.ADDRESSES)
DAYS_LEFT = 21
"""A certificate with fewer days left is warned of."""
MAIL_BYTES = 6000
"""About what an invitation has, with a signature."""
_SHOWN_FEATURES = 12


def check_line(
    account: Account, recipient: str, *, last: str = stages.ADDRESSES, began: float,
    clock: Callable[[], float] = time.monotonic, trace: Callable[[str], None] = lambda _: None,
    now: Callable[[], datetime] = times.now,
) -> list[Row]:  # fmt: skip
    """The rows of each stage up to `last`, in the order of the stages; no mail is sent, only RSET ends the envelope.

    `began` is the instant of `clock` when the verification began. Each step is bounded by the account's `timeout`,
    all together by its `deadline`. `trace` gets the conversation, line by line, without secrets.
    """
    look = _Look(account, recipient, clock, trace, now, began, clock() + account.deadline)
    wanted = [name for name in LINE if stages.exit_code_of(name) <= stages.exit_code_of(last)]
    try:
        for name in _order(account, wanted):
            look.stage(name)
    finally:
        look.session.close()
    # Why a greeting could not be read is told even when the encryption was not asked for.
    return [row for name in LINE for row in look.rows if row.stage == name]


def _order(account: Account, wanted: list[str]) -> list[str]:
    """A server that speaks TLS at once is secured before it says a word."""
    if account.security != SSL or stages.HELLO not in wanted:
        return wanted
    rest = [name for name in wanted if name not in (stages.CONNECT, stages.HELLO, stages.TLS)]
    return [stages.CONNECT, stages.TLS, stages.HELLO, *rest]


@dataclass(slots=True)
class _Look:
    """One look at the line. `began` and `ends_at` are instants of `clock`."""

    account: Account
    recipient: str
    clock: Callable[[], float]
    trace: Callable[[str], None]
    now: Callable[[], datetime]
    began: float
    ends_at: float
    rows: list[Row] = field(default_factory=list)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = self._line()

    def stage(self, name: str) -> None:
        """Looks at one stage, or says why it cannot be looked at."""
        missing = self._missing(name)
        if missing:
            self.rows.append(stages.not_run(name, f"needs: {stages.BY_NAME[missing].title}"))
            return
        look = {
            stages.CONNECT: self._connect, stages.HELLO: self._greet, stages.TLS: self._secure,
            stages.LOGIN: self._log_in, stages.ADDRESSES: self._addresses,
        }[name]  # fmt: skip
        look()

    def _missing(self, name: str) -> str:
        """The stage of the line that this one needs and does not have; empty if it can be looked at."""
        done, needs = stages.results(self.rows), stages.BY_NAME[name].needs
        # Whichever of the two comes first on this line, the other builds on it.
        before = {stages.HELLO: stages.TLS, stages.TLS: stages.HELLO}.get(name)
        if before in done:
            needs = (*needs, before)
        return next((need for need in needs if need in LINE and done[need] in (FAILED, NOT_RUN)), "")

    def _line(self) -> Session:
        return Session(self.account, clock=self.clock, transcript=self.trace)

    def _connect(self) -> None:
        with self._row(stages.CONNECT) as row:
            self.session.connect(self.ends_at)
            took = round(1000 * row.seconds())
            row.evidence = f"{self.account.host}:{self.account.port} answers from {self.session.peer} in {took} ms"

    def _greet(self) -> None:
        with self._row(stages.HELLO) as row:
            self.session.greet(self.ends_at)
            row.evidence = f"{self.session.banner}; offers {_features(self.session)}"
            if 0 < self.session.size_limit < MAIL_BYTES:
                self._too_small(row)

    def _too_small(self, row: "_Entry") -> None:
        limit = f"the server takes mails up to {self.session.size_limit} bytes"
        what = f"{limit}, and an invitation has about {MAIL_BYTES / 1000:g} kB ({row.evidence})"
        row.fail("message.too_big", what, TOO_BIG)

    def _secure(self) -> None:
        with self._row(stages.TLS) as row:
            if self.account.security == PLAIN:
                self._in_the_clear(row)
            else:
                self.session.secure(self.ends_at)
                self._certificate(row, self.session.tls)

    def _in_the_clear(self, row: "_Entry") -> None:
        row.evidence = "plain text, which never leaves this machine"
        if "STARTTLS" in self.session.features:
            row.evidence += "; the server offers STARTTLS"
            row.warn("tls.available", "set EMAIL_USE_TLS=True (with EMAIL_CA_FILE for an authority of your own).")

    def _certificate(self, row: "_Entry", tls: Encryption) -> None:
        left = (tls.expires_at - self.now()) // timedelta(days=1)
        row.evidence = (
            f"{tls.version}, {tls.cipher}; certificate for {', '.join(tls.names[:5])} by {tls.issuer},"
            f" expires {times.iso(tls.expires_at)} ({left} days left)"
        )
        if left < DAYS_LEFT:
            row.warn("tls.expires_soon", f"have the certificate renewed before {times.iso(tls.expires_at)}.")

    def _log_in(self) -> None:
        if not self.account.user:
            with self._row(stages.LOGIN) as row:
                row.evidence = "no login (none is set)"
            return
        names = self.session.mechanisms or ("",)
        for place, name in enumerate(names):
            if not self._tried(name, first=place == 0):
                why = "not tried, lest refused logins lock the account"
                self.rows += [Row(stages.LOGIN, _login_title(rest), NOT_RUN, why) for rest in names[place + 1 :]]
                return

    def _tried(self, mechanism: str, *, first: bool) -> bool:
        """One login over its own connection; the first one's stays for what comes after."""
        with self._row(stages.LOGIN, _login_title(mechanism)) as row:
            row.blocks = first
            if first:
                self.session.log_in(self.ends_at, mechanism)
            else:
                self._log_in_apart(mechanism)
            row.evidence = f"{mechanism} as {_shown(self.account.user)}: accepted"
        return row.result == OK

    def _log_in_apart(self, mechanism: str) -> None:
        session = self._line()
        try:
            session.connect(self.ends_at)
            phases = (
                (session.secure, session.greet) if self.account.security == SSL else (session.greet, session.secure)
            )
            for phase in phases:
                phase(self.ends_at)
            session.log_in(self.ends_at, mechanism)
        finally:
            session.close()

    def _addresses(self) -> None:
        sender, recipient = self.account.from_address, self.recipient
        if not self._proposed("Sender", "mail", sender) and recipient:
            self.rows.append(Row(stages.ADDRESSES, "Recipient", NOT_RUN, "needs: Sender"))
        elif recipient:
            self._proposed("Recipient", "rcpt", recipient)
        if self.session.alive:
            self._reset()

    def _proposed(self, title: str, phase: str, address: str) -> bool:
        with self._row(stages.ADDRESSES, title) as row:
            try:
                Letter(title, self.account.from_address, address, b"")
            except ValueError as error:
                row.fail("recipient.unsafe", f"{masked_address(address)}: {error}", "give another address.")
                return False
            if not address.isascii() and not self.session.smtputf8:
                raise Refused(Failure(phase, "needs_smtputf8", host=self.account.host, port=self.account.port))
            reply = self.session.command(phase, self._envelope(phase, address), self.ends_at)
            row.evidence = f"{masked_address(address)}: {reply.line}"
        return row.result == OK

    def _envelope(self, phase: str, address: str) -> str:
        if phase == "rcpt":
            return f"RCPT TO:<{address}>"
        return f"MAIL FROM:<{address}>{'' if self.recipient.isascii() else ' BODY=8BITMIME SMTPUTF8'}"

    def _reset(self) -> None:
        try:
            self.session.command("reset", "RSET", self.ends_at)
        except Refused as refused:
            # Nothing hangs on it: without DATA no mail was begun, and the line is closed next.
            self.trace(f"RSET: {refused}")

    @contextmanager
    def _row(self, stage: str, title: str = "") -> Iterator["_Entry"]:
        entry = _Entry(self.clock, self.clock())
        try:
            yield entry
        except Refused as refused:
            entry.refuse(refused.failure)
        self.rows.append(entry.row(stage, title or stages.BY_NAME[stage].title, self.began))


@dataclass(slots=True)
class _Entry:
    """A row on its way. With `blocks` a refusal is a failure, else a warning."""

    clock: Callable[[], float]
    begun: float
    evidence: str = ""
    result: str = OK
    fix: str = ""
    code: str = ""
    blocks: bool = True

    def seconds(self) -> float:
        return self.clock() - self.begun

    def warn(self, code: str, fix: str) -> None:
        self.result, self.code, self.fix = WARNING, code, fix

    def fail(self, code: str, evidence: str, fix: str) -> None:
        self.result, self.code, self.evidence, self.fix = FAILED, code, evidence, fix

    def refuse(self, failure: Failure) -> None:
        verdict = classify(failure)
        self.result, self.code = FAILED if self.blocks else WARNING, verdict.signature_id
        self.evidence = advice.evidence(verdict.signature_id, str(failure), verdict.cause)
        wait = verdict.pause_seconds if verdict.decision == LATER else 0
        self.fix = advice.fix_of(verdict.signature_id, verdict.fix, wait)

    def row(self, stage: str, title: str, began: float) -> Row:
        return Row(
            stage, title, self.result, self.evidence, self.fix, self.code, self.begun - began, self.seconds()
        )  # fmt: skip


def _features(session: Session) -> str:
    names = sorted(session.features)
    shown = ", ".join(names[:_SHOWN_FEATURES]) or "no extensions"
    more = f" and {len(names) - _SHOWN_FEATURES} more" if len(names) > _SHOWN_FEATURES else ""
    limit = f"; mails up to {session.size_limit} bytes" if session.size_limit else ""
    return shown + more + limit


def _login_title(mechanism: str) -> str:
    title = stages.BY_NAME[stages.LOGIN].title
    return f"{title} by {mechanism}" if mechanism else title


def _shown(user: str) -> str:
    return masked_address(user) if "@" in user else f"{user[:1]}***"
