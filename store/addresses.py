"""Mail addresses: which ones are taken, how one is sent, and what makes two the same. No DNS, no delivery."""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

from store.errors import StoreError

MAX_LENGTH = 254
"""Octets of a whole address (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

_FIX = "write one plain address such as asha@example.com."

# A subset of what email-validator takes, with the same result: no length near a limit, no special-use domain.
_ORDINARY = re.compile(
    r"(?=[^@]{1,64}@[^@]{1,180}\Z)"
    r"[A-Za-z0-9_+'\-]+(?:\.[A-Za-z0-9_+'\-]+)*"
    r"@(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion)\Z)[A-Za-z]{2,63}",
    re.ASCII | re.IGNORECASE,
)
# Quoting, comments, display names, lists and address literals all need one of these; so do injected commands.
_SPECIAL = re.compile(r"[\x00-\x20\x7f\"(),:;<>\[\\\]]")


class AddressRefused(StoreError):
    """An address that no mail is sent to. The message never repeats the address."""

    def __init__(self, code: str, message: str, fix: str = _FIX):
        super().__init__(message, fix)
        self.code = code


def checked(email: str) -> str:
    """The address as it is sent: local part as written (NFC, RFC 6532 section 3.1), domain as lower-case A-labels.

    Raises AddressRefused. A non-ASCII local part is taken: whether a server carries it is known at delivery.
    """
    if not _ORDINARY.fullmatch(email):
        return _checked_by_validator(email)
    local, _, domain = email.partition("@")
    return f"{local}@{domain.lower()}"


def identity(email: str) -> str:
    """What makes two addresses one candidate: the checked address, local part without case. Raises AddressRefused."""
    # Lower-casing and not case-folding: folding would make one candidate of "straße@" and "strasse@".
    return unicodedata.normalize("NFC", checked(email).lower())


def _checked_by_validator(email: str) -> str:
    _refuse_special(email)
    try:
        # A test environment only adds the .test domains; samples and rehearsals use them.
        found = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressRefused("email_invalid", str(error)[:200]) from None
    if "." not in found.ascii_domain:
        raise AddressRefused("email_invalid", "The part after the @-sign has no period.")
    local = unicodedata.normalize("NFC", email.partition("@")[0])
    return f"{local}@{found.ascii_domain}"


def _refuse_special(email: str) -> None:
    if not email:
        raise AddressRefused("email_invalid", "The address is empty.")
    if len(email) > MAX_LENGTH:
        raise AddressRefused("email_invalid", f"The address is longer than {MAX_LENGTH} characters.")
    if _SPECIAL.search(email):
        text = "The address holds a space, line break, quote, bracket, comma or other sign that no plain address has."
        raise AddressRefused("email_invalid", text)
    if "=?" in email:
        # Some programs decode RFC 2047 words even inside an address, and would send to another one.
        raise AddressRefused("email_invalid", "The address holds an encoded word (=?...?=).")
