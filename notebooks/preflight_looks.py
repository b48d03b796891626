"""What is looked at before a batch that really sends: its mail settings, server, mailbox and portal, or a canary mail."""

import time
from dataclasses import replace
from datetime import timedelta

from mailer import mailboxes, verification
from mailer.errors import MailerError
from mailer.portal_client import NotOpened, PortalClient, PortalUnusable
from mailer.verification import Asked, Verification, parameters, portal_place, stages
from mailer.verification.stages import FAILED, OK, WARNING, Row
from notebooks import verification_steps
from notebooks.opened_run import Run
from store import database, times
from store.redaction import masked_address, one_line, redact


def asked(canary: str, portal_url: str) -> Asked:
    """What the verification is asked for before a batch. Raises WrongParameters."""
    wanted = Asked(canary or None, stages.CALENDAR if canary else stages.ADDRESSES, portal_url, before_batch=True)
    parameters.check(wanted)
    return wanted


def look(run: Run, asked: Asked) -> Verification:
    """Goes the way of a mail, and without a canary looks at the mailbox and the portal besides."""
    done = verification.verify(
        asked, run.mail, run.settings, lambda: (run.db, run.ring), told=verification_steps.logged,
        environment=run.environment,
    )  # fmt: skip
    if asked.recipient or done.exit_code:
        return done
    return _with(done, asked, [*_mailbox(run), _portal(run, asked)])


def reason(done: Verification, canary: str) -> str:
    """Why the batch is stopped: what is left of the look, what is wrong, and the first thing to do."""
    return f"Stopped before the first candidate; {_left(done, canary)} {_said(done)}"


def _with(done: Verification, asked: Asked, rows: list[Row]) -> Verification:
    """The verification with what was looked at besides it, in its words."""
    again = [
        replace(row, fix=row.fix.replace("prove again", asked.again).replace("verify again", asked.again))
        for row in rows
    ]
    told = [replace(row, evidence=one_line(redact(row.evidence)), fix=one_line(redact(row.fix))) for row in again]
    for row in told:
        verification_steps.logged(row)
    return replace(done, rows=(*done.rows, *told))


def _mailbox(run: Run) -> list[Row]:
    """Whether mails could be read back, which only the proof needs: a warning. Every folder is opened, none is read."""
    if run.checked_mail.imap is None:
        return []
    at = time.monotonic()
    try:
        # Nothing has arrived the day after tomorrow, so no mail is fetched.
        with mailboxes.readable(run.checked_mail, times.now() + timedelta(days=2)) as mailbox:
            mailbox.index()
    except MailerError as error:
        seen = f"the mails of this batch will be sent, but not read back: {error}"
        return [_row(stages.READ_BACK, "Mailbox", WARNING, seen, at, error.fix, "read_back.refused")]
    return [_row(stages.READ_BACK, "Mailbox", OK, "the mailbox that mails are read back from can be opened", at)]


def _portal(run: Run, asked: Asked) -> Row:
    """Whether the links will open: the portal is found, and answers with this record."""
    at, address = time.monotonic(), asked.portal or run.settings.backend_url
    trouble = portal_place.trouble_at(address, "portal_url" if asked.portal else "BACKEND_URL")
    if trouble is not None:
        return _row(stages.LINK, "Portal", FAILED, trouble.what, at, trouble.fix, f"link.{trouble.code}")
    try:
        with PortalClient(address, run.settings.backend_host) as portal:
            portal.check(database.database_id(run.db))
    except (PortalUnusable, NotOpened) as error:
        return _row(stages.LINK, "Portal", FAILED, str(error), at, error.fix, "link.portal")
    return _row(stages.LINK, "Portal", OK, f"the portal at {address} has this record", at)


def _row(stage: str, title: str, result: str, seen: str, at: float, fix: str = "", code: str = "") -> Row:
    return Row(stage, title, result, seen, fix, code, seconds=time.monotonic() - at)


def _said(done: Verification) -> str:
    """What is wrong, and the first thing to do."""
    portal = next((row for row in done.rows if row.result == FAILED and row.title == "Portal"), None)
    if portal is None:
        return done.sentence
    return f"The links would not open: {portal.evidence.rstrip('.')}. To fix: {portal.fix}"


def _left(done: Verification, canary: str) -> str:
    """What the stopped run has done all the same."""
    if any(row.stage == stages.SEND and row.result == stages.OK for row in done.rows):
        return f"no candidate was booked or mailed, only the test invitation to {masked_address(canary)} went out."
    return "nothing was booked or mailed."
