"""What keys of any issuer look like, wherever they stand in a text. Secrets that are known are in `known_secrets`."""

import re
from collections.abc import Iterator

SESSION_KEY = re.compile(r"k[0-9a-z][a-z2-7]{48}", re.ASCII | re.IGNORECASE)
"""What a session_key looks like anywhere in a text."""
KEY_CHARS = 50

# A private key's body: a PEM file as it is, in JSON, or in a log's escapes (RFC 7468, and RFC 1421's two headers).
_BREAK = r"(?:\s|\\+[rn])"
_PRIVATE_KEY = (
    rf"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:{_BREAK}+(?:Proc-Type|DEK-Info):[^\r\n\\]*)*"
    rf"(?:(?:{_BREAK}+[0-9A-Za-z+/=]{{16,}})+(?:{_BREAK}+[0-9A-Za-z+/=]{{1,15}}(?![0-9A-Za-z+/=]))?)?"
    rf"(?:{_BREAK}*-----END (?:[A-Z]+ )*PRIVATE KEY-----)?"
)
_ISSUED = tuple(
    (what, signs, re.compile(expression))
    for what, signs, expression in (
        ("a private key", ("PRIVATE KEY-",), _PRIVATE_KEY),
        ("an AWS access key", ("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a Google token", ("ya29.", "1//0", "AIza"),
         r"\bya29\.[0-9A-Za-z_\-]{20,}|\b1//0[0-9A-Za-z_\-]{30,}|\bAIza[0-9A-Za-z_\-]{35}\b"),
        ("a GitHub token", ("gh", "github_pat_"), r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{40,})\b"),
        ("a SendGrid key", ("SG.",), r"\bSG\.[0-9A-Za-z_\-]{22}\.[0-9A-Za-z_\-]{43}\b"),
        ("a Slack token", ("xox",), r"\bxox[abeoprs]-[0-9A-Za-z\-]{10,}"),
        # What may stand in it does not stand before it: looking from each of its signs took seconds for a long line.
        ("a signed token (JWT)", ("eyJ",),
         r"(?<![0-9A-Za-z_\-])eyJ[0-9A-Za-z_\-]{8,}\.eyJ[0-9A-Za-z_\-]{8,}\.[0-9A-Za-z_\-]{8,}"),
    )
)  # fmt: skip
"""What each is called, signs of which every one of its kind has one, and its expression."""
# Most texts hold no key: looking for a sign costs a tenth of what its expression does.
_BY_SIGN = tuple((sign, expression) for _, signs, expression in _ISSUED for sign in signs)


def kinds(text: str) -> Iterator[str]:
    """What the keys in the text are called."""
    if SESSION_KEY.search(text):
        yield "a session_key"
    for what, signs, expression in _ISSUED:
        if any(sign in text for sign in signs) and expression.search(text):
            yield what


def hide(text: str, hidden: str) -> str:
    """The text with `hidden` in place of every key."""
    if len(text) >= KEY_CHARS:
        text = SESSION_KEY.sub(hidden, text)
    for sign, expression in _BY_SIGN:
        if sign in text:
            text = expression.sub(hidden, text)
    return text
