"""The gate before a batch that really sends: the cheap stages of the verification, and a canary mail if one is wanted."""

import logging
from dataclasses import replace

from IPython.display import HTML

from mailer import verification
from mailer.account import SANDBOX
from mailer.verification import Asked, Verification, stages
from notebooks import tables, verification_steps
from notebooks.opened_run import Run
from notebooks.stopping import JobFailed, telling
from store.redaction import masked_address

log = logging.getLogger(__name__)


@telling
def check(
    run: Run, *, dry_run: bool, deliver_mail: bool, preflight: bool, canary: str, portal_url: str
) -> Verification | None:
    """Looks at the way of the mails before the first candidate is booked; None where nothing is to be looked at.

    With a `canary` address a test invitation goes there first, its link is opened at BACKEND_URL (or `portal_url`), and
    it is read back where IMAP_* are set. Raises JobFailed with the first thing to do; then no candidate was booked or
    mailed.
    """
    account = run.checked_mail.account
    leaves = account is None or account.backend != SANDBOX
    if dry_run or not deliver_mail or not (canary or (preflight and leaves)):
        return None
    asked = Asked(canary, portal=portal_url) if canary else Asked(None, stop_after=stages.ADDRESSES)
    asked = replace(asked, before_batch=True)
    done = verification.verify(
        asked, run.mail, run.settings, lambda: (run.db, run.ring), told=verification_steps.logged,
        environment=run.environment,
    )  # fmt: skip
    if done.exit_code:
        raise JobFailed(f"Stopped before the first candidate; {_left(done, canary)} {done.sentence}")
    return done


def _left(done: Verification, canary: str) -> str:
    """What the stopped run has done all the same."""
    if any(row.stage == stages.SEND and row.result == stages.OK for row in done.rows):
        return f"no candidate was booked or mailed, only the test invitation to {masked_address(canary)} went out."
    return "nothing was booked or mailed."


def told(done: Verification | None) -> HTML:
    """What the gate saw, in one table."""
    if done is None:
        return tables.as_text("<p>Nothing was to be looked at: no mail leaves this machine in this run.</p>")
    return verification_steps.lights(done)
