"""The days that a mail server can have, ready to be played: for rehearsals, and for trying settings by hand.

The replies are the providers' own words, so that what they lead to is what would happen.
"""

import difflib

from mailer.account import STARTTLS
from mailer.sandbox import certificates
from mailer.sandbox.answers import Drop, Say
from mailer.sandbox.listener import SandboxFailed
from mailer.sandbox.moments import AUTH, BANNER, DATA, DOT, HANDSHAKE, MAIL, RCPT
from mailer.sandbox.rules import At, Between, Crowd, EveryRecipient, Greylist, MailsALine, NotFor, Quota
from mailer.sandbox.scenario import Scenario

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_GOOGLE, _MICROSOFT = "220 smtp.gmail.com ESMTP sandbox - gsmtp", "220 smtp.office365.com Microsoft ESMTP MAIL Service"
_AMAZON = "220 email-smtp.amazonaws.com ESMTP SimpleEmailService"
_TOO_FAST = (
    "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\r\n"
    "421-4.7.28 from your account. To protect our users from spam, mail sent from it\r\n"
    "421 4.7.28 has been temporarily rate limited. - gsmtp"
)
_DAILY = (
    "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\r\n"
    "550 5.4.5 sending limits go to support.google.com/a/answer/166852 - gsmtp"
)
_NOT_ACCEPTED = (
    "535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
    "535 5.7.8 https://support.google.com/mail/?p=BadCredentials - gsmtp"
)
_UNVERIFIED = (
    "554 Message rejected: Email address is not verified. The following identities failed the check in region US-EAST-1"
)
_BASIC_OFF = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [sandbox.prod.outlook.com]"

# fmt: off
SCENARIOS = (
    Scenario("good", "The server takes every mail at once."),

    # Limits of the big providers
    Scenario("gmail-throttles", "Gmail takes 20 mails a minute and refuses what comes above.",
             (Quota(20, _MINUTE, Say(_TOO_FAST, closes=True)),), greeting=_GOOGLE),
    Scenario("gmail-daily-limit", "Gmail takes 100 more mails within 24 hours and none beyond.",
             (Quota(100, _DAY, _DAILY),), greeting=_GOOGLE),
    Scenario("m365-concurrency", "Microsoft 365 serves three connections of a mailbox and refuses mails of a fourth.",
             (Crowd(3, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded: concurrent connections", DOT),),
             greeting=_MICROSOFT),
    Scenario("m365-rate", "Microsoft 365 takes 30 mails a minute.",
             (Quota(30, _MINUTE, "451 4.7.500 Server busy. Please try again later. [sandbox.prod.outlook.com]"),),
             greeting=_MICROSOFT),
    Scenario("ses-throttling", "Amazon SES takes one mail a second and drops the rest.",
             (Quota(1, 1.0, "454 Throttling failure: Maximum sending rate exceeded.", DOT),), greeting=_AMAZON),
    Scenario("ses-daily-quota", "Amazon SES takes 50 more mails within 24 hours and none beyond.",
             (Quota(50, _DAY, "454 Throttling failure: Daily message quota exceeded.", DOT),), greeting=_AMAZON),
    Scenario("ses-sandbox", "The Amazon SES account is new and may write to verified addresses only.",
             (NotFor(("simulator.amazonses.com",), _UNVERIFIED, DOT),), greeting=_AMAZON),
    Scenario("short-connections", "The server closes the line after five mails.", (MailsALine(5),)),
    Scenario("few-connections", "The server takes two connections at once and turns further ones away.",
             (Crowd(2, Say("421 4.7.0 Too many concurrent SMTP connections", closes=True)),)),

    # Servers with a bad day
    Scenario("greylisting", "The server does not know us and takes each mail only five minutes after its first try.",
             (Greylist(5 * _MINUTE),)),
    Scenario("slow", "Each mail takes more than four seconds, and the last reply comes byte by byte.",
             (At(MAIL, Say("250 2.1.0 OK", wait=2.0)), At(DOT, Say("250 2.0.0 queued", wait=2.0, gap=0.05)))),
    Scenario("down-for-an-hour", "The server is down for the first hour.",
             (Between(0, _HOUR, Say("421 4.3.2 Service not available, closing transmission channel", closes=True)),)),
    Scenario("drops-before-dot", "The line breaks in every fifth mail, before it was handed over.",
             (At(DATA, Drop(), every=5),)),
    Scenario("drops-after-dot", "The server takes every fifth mail, but the line breaks before it says so.",
             (At(DOT, Drop(), every=5),)),
    Scenario("loses-after-dot", "The line breaks after every fifth mail, and the server has not taken it.",
             (At(DOT, Drop(keeps=False), every=5),)),
    Scenario("out-of-disk", "The server has no room for mails during the first half hour.",
             (Between(0, _HOUR / 2, "452 4.3.1 Insufficient system storage", MAIL),)),

    # Recipients
    Scenario("full-mailboxes", "Every tenth candidate's mailbox is full.",
             (EveryRecipient(10, "452 4.2.2 The email account that you tried to reach is over quota."),)),
    Scenario("unknown-recipients", "Every tenth candidate's address does not exist.",
             (EveryRecipient(10, "550 5.1.1 The email account that you tried to reach does not exist."),)),
    Scenario("spam-filter", "The server takes every third mail for spam and refuses it.",
             (At(DOT, "554 5.7.1 Message rejected as spam by content filter", every=3),)),

    # Settings that are wrong, or a policy that changed overnight
    Scenario("wrong-password", "Gmail does not accept the password.", (At(AUTH, _NOT_ACCEPTED),),
             greeting=_GOOGLE, mechanisms="PLAIN LOGIN XOAUTH2", login_needed=True),
    Scenario("m365-basic-auth-off", "Microsoft 365 has switched password logins off.", (At(AUTH, _BASIC_OFF),),
             greeting=_MICROSOFT, mechanisms="LOGIN XOAUTH2", login_needed=True),
    Scenario("relay-denied", "The server does not pass mail on for us.",
             (At(RCPT, "554 5.7.1 Relay access denied"),)),
    Scenario("sender-not-verified", "The provider does not know the From address.",
             (At(MAIL, "550 5.7.1 Sender address rejected: not verified"),)),
    Scenario("blocklisted", "This machine's address is on a block list.",
             (At(RCPT, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),)),
    Scenario("no-mail-server", "Something answers at the port that is no mail server.",
             (At(BANNER, Say("HTTP/1.1 400 Bad Request", closes=True)),)),

    # TLS
    Scenario("starttls", "The server wants STARTTLS and has a good certificate.",
             security=STARTTLS, certificate=certificates.TRUSTED),
    Scenario("expired-certificate", "The server's certificate has expired.",
             security=STARTTLS, certificate=certificates.EXPIRED),
    Scenario("self-signed-certificate", "The server's certificate is signed by nobody.",
             security=STARTTLS, certificate=certificates.SELF_SIGNED),
    Scenario("certificate-of-another", "The server's certificate is for another name.",
             security=STARTTLS, certificate=certificates.OTHER_NAME),
    Scenario("broken-tls", "The server offers STARTTLS and then speaks no TLS.",
             (At(HANDSHAKE, Say("454 4.7.0 TLS not available", closes=True)),), security=STARTTLS),
    Scenario("injected-words", "Somebody on the way adds words of his own before TLS begins.",
             (At("STARTTLS", "220 2.0.0 Ready to start TLS\r\n250 AUTH PLAIN"),), security=STARTTLS),
)
# fmt: on
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def named(name: str) -> Scenario:
    """The scenario of this name. Raises SandboxFailed."""
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise SandboxFailed(
        f"There is no scenario {name[:60]!r}.", f"{meant}`python -m mailer sandbox --list-scenarios` has all."
    )
