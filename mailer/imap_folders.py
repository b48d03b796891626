"""The folders of a mailbox as an IMAP server lists them (RFC 3501 section 7.2.2), and which get mail. No mails here."""

import imaplib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from imap_tools import BaseMailBox
from imap_tools.imap_utf7 import utf7_decode

_LISTED = re.compile(rb'\(([^()]*)\) (NIL|"(?:\\.|[^"\\])*") (.*)', re.DOTALL)
_QUOTED, _ESCAPED = re.compile(rb'"(.*)"', re.DOTALL), re.compile(rb"\\(.)", re.DOTALL)
# Names of folders for spam where the server does not mark them (RFC 6154 is newer than many servers).
_SPAM_NAMES = frozenset((
    "spam", "junk", "junk e-mail", "junk email", "junk-e-mail", "junk mail", "bulk", "bulk mail", "spamverdacht",
    "unerwünscht", "courrier indésirable", "indésirables", "pourriel", "correo no deseado", "posta indesiderata",
    "lixo eletrônico", "lixo eletrónico", "ongewenste e-mail", "skräppost", "søppelpost", "uønsket e-mail",
    "roskaposti", "нежелательная почта", "спам", "迷惑メール", "垃圾邮件", "垃圾郵件", "정크 메일", "스팸", "स्पैम", "जंक ईमेल",
))  # fmt: skip
_NO_DELIVERY = frozenset(("\\sent", "\\drafts"))
# Views of providers that show again what lies in other folders (RFC 6154, RFC 8457).
_VIEWS = frozenset(("\\all", "\\flagged", "\\important"))
_NOT_THERE = frozenset(("\\noselect", "\\nonexistent"))


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder with its `name` as people read it, `wire` as the server spells it, and its marks in small letters."""

    name: str
    wire: bytes
    delimiter: str
    marks: frozenset[str]

    @property
    def is_there(self) -> bool:
        """Whether it can be opened; others are names only."""
        return not self.marks & _NOT_THERE

    @property
    def is_delivered_to(self) -> bool:
        return not self.marks & _NO_DELIVERY

    @property
    def is_view(self) -> bool:
        """Whether it shows mails of other folders again."""
        return bool(self.marks & _VIEWS)

    @property
    def is_spam(self) -> bool:
        last = self.name.rpartition(self.delimiter)[2] if self.delimiter else self.name
        return "\\junk" in self.marks or last.casefold() in _SPAM_NAMES


def listed(box: BaseMailBox) -> list[Listed]:
    """All folders of a mailbox. Raises imaplib's errors."""
    kind, answer = box.client.list('""', "*")
    if kind != "OK":
        raise imaplib.IMAP4.error(f"LIST: {answer!r}")
    return [folder for item in answer if item for folder in _read(item)]


def quoted(wire: bytes) -> bytes:
    """The spelling in a command. Raises ValueError for a line break, which would end it."""
    if set(b"\r\n\0") & set(wire):
        raise ValueError("a folder's name has a line break")
    return b'"' + wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _read(item: bytes | tuple[bytes, bytes]) -> Iterator[Listed]:
    """Its one folder, or none where the line is no such answer."""
    line, literal = (item[0], item[1]) if isinstance(item, tuple) else (item, None)
    if (found := _LISTED.search(line)) is None:
        return
    marks, delimiter, wire = found.groups()
    wire = _unquoted(wire) if literal is None else literal
    delimiter = "" if delimiter == b"NIL" else _unquoted(delimiter).decode("latin-1")
    yield Listed(_shown(wire), wire, delimiter, frozenset(marks.decode("latin-1").lower().split()))


def _unquoted(text: bytes) -> bytes:
    found = _QUOTED.fullmatch(text)
    return _ESCAPED.sub(rb"\1", found[1]) if found else text


def _shown(wire: bytes) -> str:
    try:
        name = utf7_decode(wire)
    except ValueError:
        name = ""
    # Where it is not spelled as it should be: it is opened by the server's own spelling all the same.
    return name or wire.decode("utf-8", "replace")
