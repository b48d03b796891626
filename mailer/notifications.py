"""Sending one interview's queued mail now, by the same delivery as batches."""

import logging
from collections.abc import Callable
from datetime import datetime

from mailer.config import MailSettings, check
from mailer.delivery import DeliveryReport, deliver
from mailer.errors import ConfigurationRefused
from store import session_keys, times
from store.database import Database
from store.models import Interview
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger(__name__)


def send_candidate_interview_scheduled_notification(
    interview: Interview, *, mail: MailSettings | None = None, shared: Settings | None = None, ring: KeyRing | None = None,
    clock: Callable[[], datetime] = times.now,
) -> DeliveryReport:  # fmt: skip
    """Delivers what the outbox holds for this interview, and nothing else; an interview without a queued mail gets none.

    The address, times, notes and link come from the booking's snapshot. Settings that are not given are read from the
    environment. Raises ConfigurationRefused with every finding, before any connection; a failed mail is in the report.
    """
    shared = shared or Settings.load()
    db: Database = type(interview)._meta.database.obj
    checked = check(mail or MailSettings.load(), shared)
    for note in (*checked.repairs, *checked.warnings):
        log.warning("EMAIL: Mail settings: %s (interview %s)", note.line(), interview.id)
    try:
        account = checked.usable()
    except ConfigurationRefused as refused:
        for finding in refused.findings:
            log.error("[EMAIL NOT SENT] interview %s: %s", interview.id, finding.line())
        raise
    ring = ring or session_keys.load_ring(db, shared.session_key_ring.get_secret_value(), now=clock())
    return deliver(db, account=account, settings=shared, ring=ring, clock=clock, interview_id=interview.id)
