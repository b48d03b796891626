"""The walk through the stages of an email verification: each is run if it can be, and adds its rows.

What a stage looks at is in `config`, `dns_checks`, `line_checks`, `trial` and `arrival`.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer import mailboxes, portal_process
from mailer.account import SANDBOX, Account
from mailer.config import Checked, MailSettings, check
from mailer.delivery import reachable
from mailer.verification import advice, arrival, dns_checks, line_checks, portal_place, stages, trial
from mailer.verification.portal_place import Trouble
from mailer.verification.stages import FAILED, OK, WARNING, Row
from mailer.verification.trial import Trial
from store import addresses, history, times
from store.accounts import Pause
from store.database import Database
from store.errors import Finding, SettingsError, StoreError
from store.redaction import masked_address, one_line, redact
from store.session_keys import KeyRing
from store.settings import Settings

LONGEST_WAIT = 3600.0
_LINE = (stages.CONNECT, stages.HELLO, stages.TLS, stages.LOGIN, stages.ADDRESSES)
# What is proven of a batch says "prove again"; here the same fixes are read by somebody else.
_AGAIN = re.compile(r"(?:prove|verify) again", re.IGNORECASE)
_SANDBOX_FIX = "set EMAIL_BACKEND=smtp and the settings of the account that sends, then verify again."

Record = Callable[[], tuple[Database, KeyRing]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verification is to do.

    `recipient` gets the test mail; empty: the mailbox that is read back, or the sender; None: nobody is named to the
    server, only the sender. `stop_after` is a stage's name.
    `portal` is where the portal listens; empty: BACKEND_URL. Only in the sandbox, and where BACKEND_URL is this machine
    and nothing answers there, a portal of this run's own is opened instead (the latter is a warning).
    `before_batch`: candidates get their mails next, so a link that nobody could open is a failure.
    `wait` is seconds that the test mail may take to arrive. `rates_spam` asks SpamAssassin, where it is installed, which
    takes some seconds.
    """

    recipient: str | None = ""
    stop_after: str = stages.CALENDAR
    portal: str = ""
    wait: float = 120.0
    dkim_selectors: tuple[str, ...] = ()
    rates_spam: bool = True
    before_batch: bool = False

    @property
    def again(self) -> str:
        """What somebody does after a repair."""
        return "run the batch again" if self.before_batch else "verify again"


@dataclass(slots=True)
class Walk:
    """One run. `told` gets each row as it comes; `transcript` is the conversation with the mail server, masked."""

    asked: Asked
    shared: Settings
    clock: Callable[[], datetime]
    told: Callable[[Row], None]
    environment: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def all_stages(self, mail: MailSettings, record: Record) -> None:
        """Everything that is wanted and can be run; `record` is opened only if a mail is to be sent."""
        checked = self._settings(mail)
        if checked.account is not None:
            opened = self._record(record) if self._wants(stages.SEND) else None
            with reachable(checked.account) as account:
                recipient = recipient_of(self.asked, checked, account)
                self._dns(account, checked)
                self._line(account, recipient)
                if opened is not None and self._may(stages.SEND):
                    self._mail(account, checked, recipient, *opened)
        self._rest()

    def in_order(self) -> tuple[Row, ...]:
        """The rows in the order of the stages."""
        order = list(stages.BY_NAME)
        return tuple(sorted(self.rows, key=lambda row: order.index(row.stage)))

    def _wants(self, stage: str) -> bool:
        return stages.exit_code_of(stage) <= stages.exit_code_of(self.asked.stop_after)

    def _may(self, stage: str) -> bool:
        return self._wants(stage) and not stages.missing(stage, self.rows)

    def _add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            # Once more, whatever a stage took care of: servers and libraries wrote parts of this.
            fix = _AGAIN.sub(self._again, row.fix)
            row = replace(row, evidence=one_line(redact(row.evidence)), fix=one_line(redact(fix)))
            self.rows.append(row)
            self.told(row)

    def _again(self, found: re.Match[str]) -> str:
        again = self.asked.again
        return again.capitalize() if found[0][0].isupper() else again

    def _settings(self, mail: MailSettings) -> Checked:
        at = time.monotonic()
        checked = check(mail, self.shared)
        self._add(_finding(found, FAILED) for found in checked.findings)
        self._add(
            Row(stages.SETTINGS, "Repaired for this run", WARNING, repair.what, repair.permanent, repair.id)
            for repair in checked.repairs
        )
        self._add(_finding(found, WARNING) for found in checked.warnings)
        if checked.account is not None:
            self._add(_usable(checked.account, time.monotonic() - at))
        return checked

    def _record(self, record: Record) -> tuple[Database, KeyRing] | None:
        at = time.monotonic()
        try:
            opened = record()
        except SettingsError as error:
            self._add(_finding(found, FAILED) for found in error.findings)
            return None
        except StoreError as error:
            self._add([Row(stages.SETTINGS, "Record", FAILED, str(error), error.fix, "record")])
            return None
        seen = "the database is open, and so is the key ring that its links are made with"
        self._add([self._timed(stages.SETTINGS, "Record", OK, seen, at)])
        return opened

    def _dns(self, account: Account, checked: Checked) -> None:
        if not self._may(stages.DNS):
            return
        if account.backend == SANDBOX:
            seen = "the sandbox is on this machine: no name is asked for"
            self._add([Row(stages.DNS, "Host", OK, seen)])
        else:
            selectors = self.asked.dkim_selectors
            self._add(dns_checks.check_dns(account, checked.name_server, dkim_selectors=selectors, began=self.began))

    def _line(self, account: Account, recipient: str) -> None:
        wanted = [name for name in _LINE if self._wants(name)]
        if wanted and self._may(stages.CONNECT):
            given = {"last": wanted[-1], "began": self.began, "trace": self._trace}
            self._add(line_checks.check_line(account, recipient, **given))

    def _mail(self, account: Account, checked: Checked, recipient: str, db: Database, ring: KeyRing) -> None:
        """What needs a mail: it is sent, read back, its link opened, its calendar read."""
        at = time.monotonic()
        try:
            sent = trial.send(db, recipient, account=account, settings=self.shared, ring=ring, now=self.clock())
        except StoreError as error:
            self._add([self._timed(stages.SEND, "Test invitation", FAILED, str(error), at, error.fix, "send.refused")])
            return
        self._add([self._sending(_sent(sent, recipient), at)])
        if sent.is_sent:
            self._arrival(
                arrival.Look(db, ring, self.shared, sent, self.clock, self.began, self.asked.rates_spam),
                account,
                checked,
            )

    def _arrival(self, look: arrival.Look, account: Account, checked: Checked) -> None:
        if self._wants(stages.LINK):
            self._link(look, account)
        if self._wants(stages.READ_BACK):
            mailbox = mailboxes.readable(checked, self.started, self._trace)
            self._add(look.read_back(mailbox, self.asked.wait, has_calendar=self._wants(stages.CALENDAR)))

    def _link(self, look: arrival.Look, account: Account) -> None:
        """The link is opened where candidates open it, or as asked; in the sandbox at a portal of this run's own."""
        at = time.monotonic()
        if account.backend == SANDBOX and not self.asked.portal:
            self._add(self._at_own_portal(look, at))
            return
        address = self.asked.portal or self.shared.backend_url
        setting = "the portal's address" if self.asked.portal else "BACKEND_URL"
        trouble = portal_place.trouble_at(address, setting)
        if trouble is None:
            self._add(look.open_link(address, at))
        elif (
            trouble.is_silent and not self.asked.portal and self.shared.links_are_local and not self.asked.before_batch
        ):
            self._add(_not_at_backend(row, trouble) for row in self._at_own_portal(look, at))
        else:
            code = f"link.{trouble.code}"
            self._add([self._timed(stages.LINK, "Link", FAILED, trouble.what, at, trouble.fix, code)])

    def _at_own_portal(self, look: arrival.Look, at: float) -> list[Row]:
        try:
            with portal_process.running(self.environment) as address:
                started = time.monotonic() - at
                rows = look.open_link(address, at)
        except portal_process.PortalFailed as error:
            return [self._timed(stages.LINK, "Portal", FAILED, str(error), at, error.fix, "link.portal")]
        took = f", a portal of this run's own, which took {started:.1f} s to start"
        return [replace(row, evidence=row.evidence + took) if row.result == OK else row for row in rows]

    def _trace(self, line: str) -> None:
        self.transcript.append(redact(line))

    def _sending(self, told: tuple[str, str, str, str], at: float) -> Row:
        result, seen, fix, code = told
        return self._timed(stages.SEND, "Test invitation", result, seen, at, fix, code)

    def _timed(
        self, stage: str, title: str, result: str, seen: str, at: float, fix: str = "", code: str = ""
    ) -> Row:  # fmt: skip
        return Row(stage, title, result, seen, fix, code, at - self.began, time.monotonic() - at)

    def _rest(self) -> None:
        """A row for every wanted stage that could not be run, with what it lacks."""
        for stage in stages.STAGES:
            if self._wants(stage.name) and stage.name not in {row.stage for row in self.rows}:
                lacking = stages.missing(stage.name, self.rows)
                self._add([stages.not_run(stage.name, f"needs {lacking.lower()}" if lacking else "was not reached")])


def unreadable(findings: Sequence[Finding]) -> tuple[Row, ...]:
    """The rows of settings that cannot even be read: nothing can be run."""
    others = [stage for stage in stages.STAGES if stage.name != stages.SETTINGS]
    return (
        *(_finding(found, FAILED) for found in findings),
        *(stages.not_run(stage.name, "needs settings") for stage in others),
    )


def recipient_of(asked: Asked, checked: Checked, account: Account) -> str:
    """Where the test mail goes: as asked, else the mailbox that can be read back, else the sender's own address."""
    if asked.recipient is None:
        return ""
    if asked.recipient:
        return addresses.checked(asked.recipient)
    if account.backend != SANDBOX and checked.imap is not None and "@" in checked.imap.user:
        return checked.imap.user
    return account.from_address


def _usable(account: Account, seconds: float) -> Iterator[Row]:
    place = f"{account.host}:{account.port} ({account.security})" if account.port else "on this machine"
    seen = f"{account.backend} {place}, from {account.from_address}"
    yield Row(stages.SETTINGS, "Mail settings", OK, seen, seconds=seconds)
    if account.backend == SANDBOX:
        seen = "Proven in the sandbox only: nobody outside gets a mail."
        yield Row(stages.SETTINGS, "Sandbox", WARNING, seen, _SANDBOX_FIX, "sandbox")


def _finding(found: Finding, result: str) -> Row:
    return Row(stages.SETTINGS, "Settings", result, found.what, found.fix, found.id)


def _not_at_backend(row: Row, trouble: Trouble) -> Row:
    if row.result != OK:
        return row
    seen = f"opened at a portal of this run's own, not at BACKEND_URL, so candidates cannot open it yet: {trouble.what}"
    return replace(row, result=WARNING, evidence=seen, fix=trouble.fix, code=stages.OWN_PORTAL)


def _sent(sent: Trial, recipient: str) -> tuple[str, str, str, str]:
    """Result, evidence, fix and code of the sending."""
    who, mail = masked_address(recipient), sent.mail
    if sent.is_sent:
        return OK, f"the server has taken it for {who}: {mail.reply or 'no words'}", "", ""
    if sent.pause is not None:
        since = times.iso(times.from_epoch(sent.pause.paused_at))
        reason = advice.evidence(sent.pause.signature, sent.pause.reason)
        return (
            FAILED,
            f"sending is paused since {since}: {reason}",
            _unpaused(sent.pause),
            f"send.{sent.pause.signature}",
        )
    code = f"send.{sent.signature or mail.state}"
    if mail.state in history.IN_HAND:
        fix = "see whether another delivery (`make deliver`) is at work on this record, and verify again."
        return FAILED, f"the mail to {who} is in the hands of another program", fix, code
    reason = advice.evidence(sent.signature, mail.reply) or "no reason is recorded"
    outcome = "the server may have taken" if mail.state in ("unknown", history.HELD) else "the server did not take"
    return FAILED, f"{outcome} the mail to {who}: {reason}", _sending_fix(sent), code


def _unpaused(pause: Pause) -> str:
    fix = advice.fix_of(pause.signature, pause.fix)
    lifted = "" if "mailer resume" in fix else " Then run `python -m mailer resume`."
    return f"{fix}{lifted} Then verify again."


def _sending_fix(sent: Trial) -> str:
    signature = "line.outcome_unknown" if sent.mail.state in ("unknown", history.HELD) else sent.signature
    wait = 0.0 if sent.mail.next_at is None else (sent.mail.next_at - sent.sent_at).total_seconds()
    fix = advice.fix_of(signature, sent.mail.fix, wait if sent.mail.state == "queued" else 0)
    return fix or "verify again when the server takes mail."
