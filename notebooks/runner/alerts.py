"""Tells ops by mail of a run that did not end well: queued with its end, and tried once at its end.

What is told is in `store.alerts`; a mail that does not go now stays queued for `python -m mailer deliver`.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from notebooks import printing
from notebooks.bounded_call import CallLeft, call_within
from store import alerts, times
from store.alerts import AlertMail
from store.database import Database
from store.errors import Refusal
from store.redaction import one_line, redact
from store.settings import Settings

if TYPE_CHECKING:
    from mailer.account import Account
    from mailer.delivery import DeliveryReport

TRY_SECONDS = 20.0
"""So long the try may take: the mail's own limits are for whoever delivers, and a run that has ended is to end."""
_STEP_SECONDS, _LEASE_SECONDS = 15.0, 60.0
"""A step that takes longer is told as the server's; a mail that was left is free again after so long."""
_LATER = " It stays queued for `python -m mailer deliver`."


class OpsAlert:
    """The alert about one run. Without settings nobody is told: a trial is no scheduled job."""

    def __init__(self, db: Database, settings: Settings | None):
        self._db, self._settings = db, settings
        self._key, self._stop = "", threading.Event()
        self._is_unaddressed = False

    def queue(self, run_id: int) -> None:
        """Queues the alert if the run, whose end is recorded, did not end well; in the caller's transaction."""
        if self._settings is None:
            return
        alert = alerts.of_ended(self._db, run_id)
        self._is_unaddressed = alert is not None and not self._settings.ops_email
        self._key = alert.key if alert and alerts.queue(self._db, self._settings, alert) else ""

    def send(self, is_asked: Callable[[], bool] = lambda: False) -> None:
        """Tries once to send what was queued, for TRY_SECONDS or until `is_asked`; trouble is one line on stderr."""
        if self._is_unaddressed:
            printing.complain(alerts.NO_ADDRESS)
        if not self._key:
            return
        try:
            trouble = call_within(TRY_SECONDS, self._send, is_asked)
        except CallLeft as left:
            self._stop.set()
            trouble = f"the try to send it was left: {left}.{_LATER}"
        except Exception as error:  # noqa: BLE001 - told; how a run ended never depends on its mail
            trouble = _first_line(error) + _LATER
        if trouble:
            printing.complain(f"the alert to ops: {redact(one_line(trouble))}")

    def _send(self) -> str:
        """What kept the mail back; empty if it is sent."""
        # Here, for a run that ends well needs none of it.
        from mailer.config import MailSettings, check

        try:
            mail = alerts.mail_of(self._db, self._key)
            if mail is None:
                # Its transaction was rolled back, and that was told.
                return ""
            account = check(MailSettings.load(), self._settings, links=False).usable()
            report = self._delivered(_hurried(account), mail)
            mail = alerts.mail_of(self._db, self._key)
            return "" if mail is None or mail.state == "sent" else _trouble(mail, report)
        finally:
            self._db.close()

    def _delivered(self, account: "Account", mail: AlertMail) -> "DeliveryReport":
        from mailer.delivery import deliver

        with _quiet():
            return deliver(self._db, account=account, settings=self._settings, ring=None, clock=times.now,
                           mail_id=mail.id, trace=False, stop=self._stop)  # fmt: skip


def _hurried(account: "Account") -> "Account":
    """The account with limits that end within the try; a mail that goes on after it is nobody else's meanwhile."""
    return replace(
        account, timeout=min(account.timeout, _STEP_SECONDS), deadline=min(account.deadline, TRY_SECONDS),
        lease=min(account.lease, _LEASE_SECONDS),
    )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Meanwhile lines that no log takes are not written to stderr: trouble is told once, at the end."""
    silent, loggers = logging.NullHandler(), [logging.getLogger(name) for name in ("mailer", "store")]
    for logger in loggers:
        logger.addHandler(silent)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(silent)


def _first_line(error: Exception) -> str:
    if not isinstance(error, Refusal):
        return f"{type(error).__name__}: {error}"
    start = "mail is not set up: " if error.findings else ""
    return start + error.lines()[0]


def _trouble(mail: AlertMail, report: "DeliveryReport") -> str:
    if report.pause is not None:
        return f"the mail account is paused: {report.pause.reason} To fix: {report.pause.fix}{_LATER}"
    fix = mail.fix or report.line_fix
    said = mail.reply or "another program is sending it, or there was no time left"
    told = f"{mail.state}: {said}" + (f" To fix: {fix}" if fix else "")
    then = {"failed": f" To send it then: python -m mailer resend {mail.id}.", "queued": _LATER}
    return told + then.get(mail.state, "")
