"""Which mail provider a host or a reply belongs to, and what is known of it. Its replies are in `known_replies`."""

import ipaddress
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """`hosts` are domain endings; `words` mark its replies; limits are per mailbox, 0 where none is published."""

    name: str
    hosts: tuple[str, ...]
    words: str = ""
    connections: int = 0
    mails_a_minute: int = 0


UNKNOWN = Provider("", ())
# A relay without a mailbox, so without a mailbox's limits, stands before the provider it belongs to.
PROVIDERS = (
    Provider("google", ("gmail.com", "googlemail.com", "google.com"), r"\bgsmtp\b|google\.com/"),
    Provider("microsoft", ("mail.protection.outlook.com",)),
    Provider("microsoft", ("office365.com", "outlook.com", "office.com", "hotmail.com"),
             r"\bprod\.(?:exchangelabs|outlook|protection\.outlook)\.com|aka\.ms/", connections=3, mails_a_minute=30),
    Provider("ses", ("amazonaws.com",), r"amazon(?:ses|aws)\.com"),
    Provider("sendgrid", ("sendgrid.net",), r"sendgrid"),
    Provider("zeptomail", ("zeptomail.com", "zeptomail.eu", "zeptomail.in"), r"zeptomail"),
    Provider("zoho", ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zohocloud.ca"), r"\bzoho"),
    Provider("yahoo", ("yahoo.com", "yahoodns.net", "aol.com"), r"\byahoo|\baol\.com"),
    Provider("icloud", ("mail.me.com", "icloud.com"), r"\bicloud\b|support\.apple\.com"),
    Provider("mailtrap", ("mailtrap.io",), r"\bmailtrap"),
    Provider("smtp2go", ("smtp2go.com",), r"\bsmtp2go"),
    Provider("mailgun", ("mailgun.org",), r"\bmailgun"),
    Provider("postmark", ("postmarkapp.com",), r"\bpostmark"),
    Provider("brevo", ("brevo.com", "sendinblue.com"), r"\bbrevo|\bsendinblue"),
    Provider("mailjet", ("mailjet.com",), r"\bmailjet"),
    Provider("sparkpost", ("sparkpostmail.com",), r"\bsparkpost"),
    Provider("resend", ("resend.com",), r"\bresend\.com"),
)  # fmt: skip
_WORDS = [(re.compile(provider.words, re.IGNORECASE), provider) for provider in PROVIDERS if provider.words]


def provider_of(host: str) -> Provider:
    """The provider that a host name belongs to, or UNKNOWN."""
    host = host.lower().rstrip(".")
    for provider in PROVIDERS:
        if any(host == ending or host.endswith("." + ending) for ending in provider.hosts):
            return provider
    return UNKNOWN


def recognised(host: str, words: str) -> Provider:
    """The provider by host, else by the marks that it leaves in its replies."""
    provider = provider_of(host)
    if provider is not UNKNOWN:
        return provider
    return next((candidate for pattern, candidate in _WORDS if pattern.search(words)), UNKNOWN)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    host = host.lower().rstrip(".").strip("[]")
    if host in ("localhost", "localhost.localdomain") or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
