"""A failure in the words of a test: nobody tries again by itself, and who gets the mail is no candidate.

What a failure means is told in `signatures`; here its cause and its fix are only put differently.
"""

import re

from mailer.general_replies import AGAIN
from mailer.signatures import SIGNATURES
from mailer.verdicts import MINUTE
from store import times

USUAL_WAIT = 5 * MINUTE
"""Seconds to the next try where the server names none."""
_STORED = re.compile(r"^[a-z_]+ at [a-z]+(?:: (?:(?:password|xoauth2|none); (?=offered:))?|$)")
_OPERATOR = "If it stays so, show the server's words to whoever runs the mail server."
_NO_SUCH = (
    "The recipient's address does not exist: correct it (--to, or `recipient` in the notebook), and verify again."
)
_OTHER = "Name another recipient (--to, or `recipient` in the notebook), and verify again."
_DAILY = "The account's limit is reached: verify again tomorrow, or send through another relay."
_MAY_HAVE_ARRIVED = "Look into the recipient's mailbox, the test mail may have arrived; then verify again."
_LOOKED_AT = (
    "Show the server's words to whoever runs it: a test invitation holds a link, a calendar file and no attachment."
)
_FIXES = {
    **dict.fromkeys(
        ("recipient.bad_domain", "recipient.unknown", "recipient.syntax", "microsoft.recipient_unknown",
         "yahoo.recipient_unknown"), _NO_SUCH,
    ),
    **dict.fromkeys(
        ("recipient.no_mail_domain", "recipient.moved", "recipient.disabled", "microsoft.recipient_restricted",
         "microsoft.recipient_refused", "zoho.refused", "postmark.inactive"), _OTHER,
    ),
    "recipient.full": "The recipient's mailbox is full: empty it, or name another recipient (--to), and verify again.",
    "recipient.utf8": "This server cannot take such an address: name a recipient with an ASCII one, and verify again.",
    **dict.fromkeys(("limit.daily", "google.daily_limit", "microsoft.daily_limit", "zoho.quota"), _DAILY),
    "google.too_many_logins": "Let the account rest.",
    "google.blocked_content": _LOOKED_AT,
    "subject.address": f"{_OTHER} The server's words say more.",
    "subject.mailbox": f"{_OTHER} The server's words say more.",
    "subject.network": f"Check the part after the @ of the recipient, or: {_OTHER}",
    "subject.policy": f"Check SPF, DKIM and DMARC, or: {_OTHER}",
    "phase.recipient": f"Check the recipient's address, or: {_OTHER}",
    "subject.address_now": f"{AGAIN} If it stays so, check the recipient's address.",
    "subject.mailbox_now": f"{AGAIN} If it stays so, name another recipient (--to).",
    "line.outcome_unknown": _MAY_HAVE_ARRIVED,
}  # fmt: skip
_CAUSES = {signature.id: signature.cause for signature in SIGNATURES}


def fix_of(signature_id: str, fix: str, pause_seconds: float = 0) -> str:
    """What to do about a failure that was met while verifying, from its `fix` and the least wait that it asks for."""
    fix = _FIXES.get(signature_id, fix)
    if fix.startswith(AGAIN):
        rest = fix.removeprefix(AGAIN).strip() or _OPERATOR
        return f"Verify again in {_words(pause_seconds or USUAL_WAIT)}; {rest[0].lower()}{rest[1:]}"
    if pause_seconds and "erify again" not in fix:
        return f"{fix} Verify again after {_words(pause_seconds)}."
    return fix


def evidence(signature_id: str, said: str, cause: str = "") -> str:
    """The cause in plain words, then in brackets what was said. `said` is a Failure as text, as the outbox keeps it."""
    cause, said = cause or _CAUSES.get(signature_id, ""), _STORED.sub("", said).strip()
    return f"{cause} ({said})" if cause and said else cause or said


def _words(seconds: float) -> str:
    return times.duration_words(max(seconds, MINUTE))
