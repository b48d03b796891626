"""What one attempt means for its outbox row, and the log line that says so. Sends and stores nothing."""

import logging
from collections.abc import Callable
from dataclasses import replace

from mailer.account import Account
from mailer.errors import Failure
from mailer.letters import Outcome
from mailer.replies import cleaned
from mailer.signatures import classify, given_up, retry_pause
from mailer.verdicts import NEVER, PAUSE, UNKNOWN, Verdict
from store import times
from store.outbox import OutboxMail, Settlement, unknown_fix

log = logging.getLogger(__name__)

CLOSING = 421
"""The server's word for a connection that it ends (RFC 5321 section 3.8)."""


def settled(
    mail: OutboxMail, outcome: Outcome, account: Account, *, now: float, at_once: bool, random: Callable[[], float]
) -> tuple[Settlement, Verdict | None]:
    """The row's next state after an attempt, and the verdict on a failure.

    `at_once`: the line worked before it broke, so a mail that was surely not sent goes again without a pause.
    """
    tries = mail.attempts + 1
    if outcome.accepted:
        return Settlement(mail.id, "sent", now, tries, now, reply=outcome.reply), None
    if outcome.withheld or was_never_tried(outcome):
        return released(mail, now), None
    verdict = _verdict(mail, outcome, account)
    said = {"signature": verdict.signature_id, "reply": str(outcome.failure), "fix": verdict.fix}
    if verdict.decision == UNKNOWN:
        return Settlement(mail.id, "unknown", now + account.hold, tries, now, **said), verdict
    if verdict.decision == PAUSE:
        return Settlement(mail.id, "queued", now, tries, mail.handed_over_at, **said), verdict
    if verdict.decision == NEVER or given_up(tries, now - mail.created_at):
        return Settlement(mail.id, "failed", now, tries, mail.handed_over_at, **said), verdict
    line_broke = outcome.failure.kind != "reply" or outcome.failure.code == CLOSING
    pause = 0.0 if at_once and line_broke and not verdict.pause_seconds else retry_pause(tries, verdict, random)
    return Settlement(mail.id, "queued", now + pause, tries, mail.handed_over_at, **said), verdict


def _verdict(mail: OutboxMail, outcome: Outcome, account: Account) -> Verdict:
    verdict = _of_candidate(mail, outcome, account)
    is_about_candidates = any(word in verdict.fix for word in ("candidate", "booking"))
    return replace(verdict, fix=_ALERT_FIX) if mail.is_alert and is_about_candidates else verdict


def _of_candidate(mail: OutboxMail, outcome: Outcome, account: Account) -> Verdict:
    verdict = classify(outcome.failure, worked_before=True)
    if verdict.decision == UNKNOWN or (outcome.dotted and outcome.failure.kind != "reply"):
        return replace(verdict, decision=UNKNOWN, fix=unknown_fix(mail.id))
    first_sender = mail.hand_over.from_address if mail.hand_over else account.from_address
    if verdict.decision == PAUSE and first_sender != account.from_address:
        # A copy may have gone from an older sender, so this one has to; its refusal says nothing of the account's.
        return replace(verdict, decision=NEVER, fix=_OLD_SENDER_FIX)
    return verdict


_OLD_SENDER_FIX = (
    "a copy may have gone out from the sender that was set before, and this mail cannot change;"
    " tell the candidate by hand, or move the interview: its next mail goes from DEFAULT_FROM_EMAIL."
)
_ALERT_FIX = "correct OPS_EMAIL if it is wrong, or free its mailbox: further alerts go to the address that is set then."


def was_never_tried(outcome: Outcome) -> bool:
    """Whether the line broke before this letter's turn came."""
    failure = outcome.failure
    return failure is not None and not outcome.dotted and (failure.phase, failure.kind) == ("mail", "dropped")


def released(mail: OutboxMail, due_at: float) -> Settlement:
    """Back into the queue, as if it had not been claimed."""
    return Settlement(mail.id, "queued", due_at, mail.attempts, mail.handed_over_at)


def unsent(mail: OutboxMail, failure: Failure, verdict: Verdict, now: float) -> Settlement:
    """Back into the queue with the reason why no connection was had; the mail itself was not tried."""
    return replace(released(mail, now), signature=verdict.signature_id, reply=str(failure), fix=verdict.fix)


def interrupted(mail: OutboxMail, account: Account, now: float) -> Settlement:
    """A mail that was being sent when something else ended the conversation: it may have arrived."""
    return Settlement(
        mail.id, "unknown", now + account.hold, mail.attempts + 1, now, "worker_interrupted",
        "The sending was interrupted after the mail was handed over.", unknown_fix(mail.id),
    )  # fmt: skip


def left(mail: OutboxMail, outcome: Outcome, account: Account, now: float) -> Settlement:
    """A mail whose line this program cut: nothing is said of the server, which did nothing wrong."""
    return interrupted(mail, account, now) if outcome.dotted else released(mail, now)


def not_composed(mail: OutboxMail, error: Exception, now: float) -> Settlement:
    """A mail that cannot be made: nothing was tried, a person must act."""
    fix = getattr(error, "fix", "")
    what = str(error) if fix else f"The mail cannot be made ({type(error).__name__}: {error})."
    return Settlement(
        mail.id, "failed", now, mail.attempts, mail.handed_over_at, "not_composed", cleaned(what),
        fix or f"correct the booking's facts, then run python -m mailer resend {mail.id}.",
    )  # fmt: skip


def log_start(mail: OutboxMail, account: Account) -> None:
    """The seed flow's lines before the attempt."""
    log.info("EMAIL: Starting email send for %s (%s)", mail.about, mail.kind)
    log.info(
        "EMAIL: Configuration check: backend=%s host=%s port=%s security=%s user=%s (%s)",
        account.backend, account.host, account.port, account.security, "set" if account.user else "not set", mail.about,
    )  # fmt: skip
    what = "alert" if mail.is_alert else "interview notification"
    log.info("EMAIL: Sending %s email (%s, attempt %s)", what, mail.about, mail.attempts + 1)


def log_result(mail: OutboxMail, result: Settlement, verdict: Verdict | None) -> None:
    """The seed flow's last line: success, not sent, failed or unknown; always with the interview's id, or the alert's."""
    if result.state == "sent":
        what = "Alert" if mail.is_alert else "Interview notification"
        log.info("[SUCCESS] %s email sent successfully! (%s)", what, mail.about)
    elif result.state == "unknown":
        log.warning("[EMAIL UNKNOWN] %s: %s To fix: %s", mail.about, result.reply, result.fix)
    elif result.signature == "not_composed":
        log.error("[EMAIL NOT SENT] %s: %s To fix: %s", mail.about, result.reply, result.fix)
    elif verdict is not None:
        waits = result.state == "queued" and verdict.decision != PAUSE
        again = f" It is tried again after {times.iso(times.from_epoch(result.due_at))}." if waits else ""
        log.error("[EMAIL FAILED] %s: %s To fix: %s%s", mail.about, result.reply, result.fix, again)


def log_held_back(mail: OutboxMail, reason: Failure, verdict: Verdict) -> None:
    """The last line for a mail whose account was paused before its turn came."""
    log.error("[EMAIL NOT SENT] %s: the account is paused (%s). To fix: %s", mail.about, reason, verdict.fix)
