"""DKIM signatures (RFC 6376) on finished mails, by the optional library dkimpy. Nothing below one is changed."""

import re
from base64 import b64encode
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mailer.account import DkimKey
from mailer.dkim_keys import GOOD_BITS, SHORTEST_BITS
from mailer.errors import MailerError

if TYPE_CHECKING:
    from types import ModuleType

SIGNED = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted")
LIBRARY_FIX = 'run in this project\'s folder: python -m pip install -e ".[dkim]"'
KEY_FIX = (
    "give DKIM_PRIVATE_KEY_FILE an RSA key in PEM without a passphrase (made by: openssl genrsa -out dkim.pem 2048)."
)
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")  # rsaEncryption, RFC 8017 appendix A.1
_DATE = re.compile(rb"^Date: ([^\r\n]+)\r\n", re.MULTILINE)


class SigningRefused(MailerError):
    """No mail can be signed with these settings. `code` names the reason."""

    def __init__(self, code: str, message: str, fix: str):
        super().__init__(message, fix)
        self.code = code


def check_key(key: DkimKey) -> str:
    """Whether mails can be signed with the key: returns a warning, or nothing. Raises SigningRefused."""
    bits = modulus(key).bit_length()
    if bits < SHORTEST_BITS:
        what = f"The DKIM key has {bits} bits, and receivers ignore fewer than {SHORTEST_BITS} (RFC 8301)."
        raise SigningRefused("dkim_key_short", what, KEY_FIX)
    return f"The DKIM key has {bits} bits; {GOOD_BITS} are recommended." if bits < GOOD_BITS else ""


def modulus(key: DkimKey) -> int:
    """The part of the private key that the published one must have too. Raises SigningRefused."""
    return _parsed(_pem(key))["modulus"]


def public_record(key: DkimKey) -> str:
    """The TXT record that belongs at the key's selector. Raises SigningRefused."""
    parsed = _parsed(_pem(key))
    numbers = b"".join(_element(0x02, _octets(parsed[name])) for name in ("modulus", "publicExponent"))
    whole = _element(0x30, _RSA + _element(0x03, b"\0" + _element(0x30, numbers)))
    return f"v=DKIM1; k=rsa; p={b64encode(whole).decode()}"


def _octets(number: int) -> bytes:
    # A leading zero bit, since the integers of DER have a sign.
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sign(message: bytes, key: DkimKey) -> bytes:
    """The finished mail with its signature on top, the same bytes every time. Raises SigningRefused.

    The signature's time is the mail's Date. From is signed once more than it stands, so that none can be added.
    """
    dated = _DATE.search(message)
    if dated is None:
        raise SigningRefused("dkim_no_date", "The mail has no Date, so it cannot be signed.", "queue the mail again.")
    moment = int(parsedate_to_datetime(dated[1].decode("ascii")).timestamp())
    _parsed(_pem(key))
    signer = _signer()(message, moment)
    headers = [name.lower().encode() for name in ("From", *SIGNED)]
    signature = signer.sign(
        key.selector.encode(), key.domain.encode(), _pem(key).encode(), canonicalize=(b"relaxed", b"relaxed"),
        include_headers=headers,
    )  # fmt: skip
    return signature + message


def _pem(key: DkimKey) -> str:
    # The library finds the key between lines that end in LF.
    return key.private_key.get_secret_value().replace("\r\n", "\n")


@lru_cache(maxsize=4)
def _parsed(pem: str) -> dict[str, int]:
    crypto = _library().crypto
    try:
        parsed = crypto.parse_pem_private_key(pem.encode())
        if not _holds_together(parsed):
            raise ValueError("its numbers do not belong together")
        return parsed
    except (crypto.UnparsableKeyError, ValueError, LookupError, TypeError) as error:
        # No cause is kept: it may quote the key.
        what = f"The DKIM key cannot be read ({type(error).__name__})."
        raise SigningRefused("dkim_key_unusable", what, KEY_FIX) from None


def _holds_together(key: dict[str, int]) -> bool:
    modulus, exponent = key["modulus"], key["publicExponent"]
    return (
        key["prime1"] * key["prime2"] == modulus
        and pow(pow(2, exponent, modulus), key["privateExponent"], modulus) == 2
    )


def _library() -> "ModuleType":
    try:
        import dkim
        import dkim.crypto
    except ImportError as error:
        what = "The library that signs mails (dkimpy) is not installed."
        raise SigningRefused("dkim_library_missing", what, LIBRARY_FIX) from error
    return dkim


@lru_cache(maxsize=1)
def _signer() -> Any:
    """The library's signer, made to take the signature's time from the mail instead of the clock."""

    class Dated(_library().DKIM):
        def __init__(self, message: bytes, moment: int):
            super().__init__(message)
            self.moment = str(moment).encode()

        def gen_header(self, fields, *arguments, **more):
            dated = [(name, self.moment if name == b"t" else value) for name, value in fields]
            return super().gen_header(dated, *arguments, **more)

    return Dated
