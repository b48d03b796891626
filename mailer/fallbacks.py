"""What a reply means that no signature knows: by the subject of its enhanced code (RFC 3463), else by its phase."""

from mailer.errors import Failure
from mailer.general_replies import AGAIN
from mailer.verdicts import LATER, NEVER, PAUSE, UNKNOWN, Signature

LOST = "The mail may have been delivered; it is sent again after EMAIL_HOLD unless EMAIL_ON_UNKNOWN=hold."
_MORE = "the server's words say more."
_ABOUT_RECIPIENT, _ABOUT_MAIL = ("rcpt", "data", "dot"), ("mail", "rcpt", "data", "dot")

# fmt: off
# RFC 3463 section 3: the second number of x.1.1 says what the reply is about.
_REFUSED = (
    Signature("subject.address", NEVER, "the server refuses this address",
              f"Check the address in the booking; {_MORE}", enhanced=r"5\.1\.\d+", phases=_ABOUT_RECIPIENT),
    Signature("subject.mailbox", NEVER, "the recipient's mailbox does not take the mail",
              f"Phone the candidate or ask for another address; {_MORE}", enhanced=r"5\.2\.\d+",
              phases=_ABOUT_RECIPIENT),
    Signature("subject.system", PAUSE, "the mail server itself is out of order or wrongly set up",
              f"Ask the mail server's operator, then lift the pause; {_MORE}", enhanced=r"5\.3\.\d+"),
    Signature("subject.network", NEVER, "the server finds no way to the recipient's mail server",
              f"Check the part after the @ in the booking; {_MORE}", enhanced=r"5\.4\.\d+", phases=_ABOUT_RECIPIENT),
    Signature("subject.protocol", NEVER, "the server does not accept how this mail was handed over",
              f"Show the server's words to whoever runs it; {_MORE}", enhanced=r"5\.5\.\d+", phases=_ABOUT_RECIPIENT),
    Signature("subject.content", NEVER, "the server cannot take what is in this mail",
              f"Look at the mail's text and size; {_MORE}", enhanced=r"5\.6\.\d+", phases=_ABOUT_MAIL),
    Signature("subject.policy", NEVER, "a rule of the server or of the recipient's organisation refuses this mail",
              f"Check SPF, DKIM and DMARC, or ask the candidate for another address; {_MORE}", enhanced=r"5\.7\.\d+",
              phases=_ABOUT_RECIPIENT),
)
_PASSING = (
    Signature("subject.address_now", LATER, "the address is not taken just now",
              f"{AGAIN} If it stays so, check the address in the booking.",
              enhanced=r"4\.1\.\d+"),
    Signature("subject.mailbox_now", LATER, "the recipient's mailbox takes nothing just now",
              f"{AGAIN} If it stays so, phone the candidate.", enhanced=r"4\.2\.\d+",
              phases=_ABOUT_RECIPIENT),
    Signature("subject.system_now", LATER, "the mail server is busy or out of order just now",
              f"{AGAIN} If it stays so, ask the mail server's operator.",
              enhanced=r"4\.3\.\d+"),
    Signature("subject.network_now", LATER, "the mail server cannot reach another one just now", AGAIN,
              enhanced=r"4\.4\.\d+"),
    Signature("subject.policy_now", LATER, "a rule of the server holds mail back for now",
              f"{AGAIN} If it stays so, lower EMAIL_RATE and check SPF and DKIM.",
              enhanced=r"4\.7\.\d+"),
)

# RFC 5321 section 4.2.1
_BY_PHASE = {
    "rcpt": Signature("phase.recipient", NEVER, "the server refuses this recipient",
                      f"Check the address in the booking; {_MORE}"),
    "data": Signature("phase.data", NEVER, "the server does not take this mail", "The server's words say more."),
    "dot": Signature("phase.content", NEVER, "the server refuses this mail", "The server's words say more."),
    "mail": Signature("phase.sender", PAUSE, "the server refuses the sender or the account",
                      f"Check DEFAULT_FROM_EMAIL and the account; {_MORE}"),
    "auth": Signature("phase.login", PAUSE, "the server refuses the login",
                      f"Correct EMAIL_HOST_USER and EMAIL_HOST_PASSWORD; {_MORE}"),
}
# fmt: on
OTHERWISE = Signature(
    "phase.other",
    PAUSE,
    "the server refuses the conversation",
    f"Check the mail settings against the provider's page; {_MORE}",
)
_NO_REASON = Signature("phase.passing", LATER, "a passing refusal", AGAIN)
_STRANGE = Signature("phase.strange", LATER, "the server's reply does not fit the command", AGAIN)
_STRANGE_AFTER_DOT = Signature("line.outcome_unknown", UNKNOWN, "the reply after the final dot says nothing", LOST)
FALLBACKS = (*_REFUSED, *_PASSING, *_BY_PHASE.values(), OTHERWISE, _NO_REASON, _STRANGE, _STRANGE_AFTER_DOT)


def fallback(failure: Failure) -> Signature:
    """What to make of a reply that nobody has described.

    Its code's first digit says whether it passes by; an enhanced code of another class contradicts it and is not heard.
    """
    code = failure.code or 0
    if code < 400:
        return _STRANGE_AFTER_DOT if failure.phase == "dot" else _STRANGE
    subjects = _PASSING if code < 500 else _REFUSED
    by_phase = _NO_REASON if code < 500 else _BY_PHASE.get(failure.phase, OTHERWISE)
    return next((subject for subject in subjects if subject.matches(failure, "")), by_phase)
