"""The mailbox that delivered mails are read back from by IMAP: its folders, its mails by Message-ID. It changes nothing.

The connection is in `imap_line`, what one mail is in `remote_mail`.
"""

import imaplib
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

from imap_tools import BaseMailBox

from mailer import imap_folders, remote_mail
from mailer.account import ImapAccount
from mailer.imap_line import ImapLine, ImapRefused
from mailer.mailbox import Fault, MailUnreadable
from mailer.remote_mail import RemoteMail

__all__ = ["ImapMailbox", "ImapRefused", "RemoteMail"]

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two looks for a mail that has not arrived: the first pause, and the longest."""
PASS_STEPS = 10
"""A look through all folders may take so many times the account's time-out."""
CAUGHT = 5
"""So many addresses of a domain in one mailbox show that it gets all the mail of that domain."""
_CHUNK = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WANTED = ("MESSAGE-ID", "TO", *(name.upper() for name in remote_mail.ENVELOPE_HEADERS))
_HEADERS = f"(UID INTERNALDATE BODY.PEEK[HEADER.FIELDS ({' '.join(_WANTED)})])"
# RFC 3501 section 2.3.1.1: 32 bits.
_NUMBER, _UID = re.compile(r"\d{1,10}", re.ASCII), re.compile(rb"\bUID (\d{1,10})\b")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]+)"')


@dataclass(slots=True)
class Folder:
    """A folder that is looked into. `mails` are those known by number, as of the number space `validity`; `wire` is the
    name as the server spells it."""

    name: str
    wire: bytes = b""
    is_spam: bool = False
    is_view: bool = False
    validity: bytes = b""
    mails: dict[int, "_Known | Fault"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    message_id: str
    recipient: str = field(repr=False)
    arrived_at: datetime


class ImapMailbox:
    """The mails in the account's folders, to be used in a `with`. `faults` are those of the last `index` without a
    usable Message-ID. `since` leaves out what arrived on days before it (aware; None: nothing).

    Everything raises ImapRefused, and opening it TokenRefused. Every step is bounded by the account's time-out, a look
    through all folders by PASS_STEPS of them.
    """

    def __init__(
        self, account: ImapAccount, *, since: datetime | None = None,
        clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
        trace: Callable[[str], None] = lambda _: None,
    ):  # fmt: skip
        self._line = ImapLine(account, clock, trace)
        self._account, self._since, self._clock, self._pause = account, since, clock, pause
        self._folders: list[Folder] | None = None
        self._index: dict[str, list[RemoteMail]] | None = None
        self._selected = ""
        self.faults: list[Fault] = []

    def __enter__(self) -> Self:
        self._line.open()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.close()

    @property
    def folders(self) -> list[Folder]:
        """Those that the account names, or all that mails can be delivered to."""
        if self._folders is None:
            self._folders = self._listed()
        return self._folders

    def index(self) -> dict[str, list[RemoteMail]]:
        """All mails by Message-ID, from one pass over the folders; only headers not seen before are fetched."""
        index: dict[str, list[RemoteMail]] = {}
        self.faults = []
        with self._line.within(PASS_STEPS * self._account.timeout):
            for folder in sorted(self.folders, key=lambda folder: folder.is_view):
                self._add_from(folder, index)
        self._index = index
        return index

    def _add_from(self, folder: Folder, index: dict[str, list[RemoteMail]]) -> None:
        try:
            self._refresh(folder)
        except ImapRefused as refused:
            # Somebody else's folder may be shown and not be opened; one that was asked for must be.
            if refused.kind != "server" or self._account.folders or folder.name.upper() == "INBOX":
                raise
            self.faults.append(Fault(remote_mail.place(folder.name), str(refused)))
            return
        elsewhere = frozenset(index) if folder.is_view else frozenset()
        for uid, known in folder.mails.items():
            if isinstance(known, Fault):
                self.faults.append(known)
            elif known.message_id not in elsewhere:
                index.setdefault(known.message_id, []).append(self._mail(folder, uid, known))

    def find(self, message_id: str) -> list[RemoteMail]:
        """The mails with this Message-ID as of the last `index` (made now if there is none)."""
        index = self.index() if self._index is None else self._index
        # New objects, so that what was fetched is freed together with them.
        return [_again(mail) for mail in index.get(_bracketed(message_id), ())]

    def wait_for(self, message_ids: Collection[str], seconds: float) -> set[str]:
        """Looks with growing pauses until all have arrived or the seconds are over; those still missing come back."""
        until, pause = self._clock() + seconds, FIRST_PAUSE
        with self._line.within(seconds + self._account.timeout):
            while True:
                index = self.index()
                missing = {given for given in message_ids if _bracketed(given) not in index}
                left = until - self._clock()
                if not missing or left <= 0:
                    return missing
                self._pause(min(pause, left))
                pause = min(1.5 * pause, LONGEST_PAUSE)

    def receives(self, address: str) -> bool:
        """Whether mails to the address are known to end up here: its own, one seen here, or one of a caught domain."""
        wanted, domain = _plain(address), address.rpartition("@")[2].casefold()
        index = self.index() if self._index is None else self._index
        seen = {_plain(mail.recipient_envelope) for mails in index.values() for mail in mails}
        if wanted in seen | {_plain(self._account.user)}:
            return True
        return sum(one.endswith(f"@{domain}") for one in seen) >= CAUGHT

    def _listed(self) -> list[Folder]:
        there = {one.name: one for one in self._line.ask("list of folders", imap_folders.listed) if one.is_there}
        if self._account.folders:
            if lacking := [name for name in self._account.folders if name not in there]:
                raise ImapRefused(
                    "folder", f"IMAP_FOLDERS names {', '.join(lacking)}, and the mailbox has no such folder.",
                    f"name some of these, or leave IMAP_FOLDERS empty for all: {', '.join(sorted(there))[:400]}.",
                )  # fmt: skip
            chosen = [there[name] for name in self._account.folders]
        else:
            chosen = [one for one in there.values() if one.is_delivered_to]
        return [Folder(one.name, one.wire, one.is_spam, one.is_view) for one in chosen]

    def _refresh(self, folder: Folder) -> None:
        """Brings what is known of a folder up to now."""
        validity = self._select(folder)
        if validity != folder.validity:
            folder.validity, folder.mails = validity, {}
        uids = self._line.ask(f"search in {folder.name}", self._found)
        fresh = [uid for uid in uids if uid not in folder.mails]
        known = dict(folder.mails)
        for start in range(0, len(fresh), _CHUNK):
            known.update(self._headers(folder, fresh[start : start + _CHUNK]))
        folder.mails = {uid: known[uid] for uid in uids if uid in known}

    def _found(self, box: BaseMailBox) -> list[int]:
        given = box.uids(self._criteria(), charset=None)
        if not all(_NUMBER.fullmatch(uid) for uid in given):
            raise ValueError("what was found has no numbers")
        return [int(uid) for uid in given]

    def _criteria(self) -> str:
        if self._since is None:
            return "ALL"
        # The server counts days in a zone of its own.
        day = self._since.astimezone(UTC) - timedelta(days=1)
        return f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"

    def _select(self, folder: Folder) -> bytes:
        """Opens a folder so that nothing in it can change (EXAMINE); what comes back names its numbers' space."""

        def examine(box: BaseMailBox) -> bytes:
            box.folder.set(imap_folders.quoted(folder.wire), readonly=True)
            return b"".join(part for part in box.client.response("UIDVALIDITY")[1] if part)

        self._selected = ""
        validity = self._line.ask(f"opening of {folder.name}", examine)
        self._selected = folder.name
        return validity

    def _headers(self, folder: Folder, uids: list[int]) -> Iterator[tuple[int, "_Known | Fault"]]:
        numbers = ",".join(map(str, uids))
        for facts, octets in self._line.ask(f"headers in {folder.name}", lambda box: _asked_for(box, numbers)):
            if (uid := _UID.search(facts)) and (arrived := _ARRIVED.search(facts)):
                yield int(uid[1]), self._known(folder, int(uid[1]), arrived[1].decode("ascii", "replace"), octets)

    def _known(self, folder: Folder, uid: int, arrived: str, octets: bytes) -> "_Known | Fault":
        headers = remote_mail.headers_of(octets)
        ids = [value for name, value in headers if name == "message-id"]
        if len(ids) != 1 or not ids[0]:
            what = f"has {len(ids)} Message-ID lines" if ids else "has no Message-ID"
            return Fault(remote_mail.place(folder.name, uid), what)
        try:
            arrived_at = parsedate_to_datetime(arrived.strip()).astimezone(UTC)
        except (ValueError, OverflowError):
            return Fault(remote_mail.place(folder.name, uid), "has no time of arrival that can be read")
        return _Known(_bracketed("".join(ids[0].split())), remote_mail.recipient_of(headers, self._address), arrived_at)

    @property
    def _address(self) -> str:
        return self._account.user if "@" in self._account.user else ""

    def _mail(self, folder: Folder, uid: int, known: _Known) -> RemoteMail:
        return RemoteMail(
            remote_mail.place(folder.name, uid), known.recipient, fetch=lambda: self._octets(folder, uid),
            folder=folder.name, is_spam=folder.is_spam, arrived_at=known.arrived_at,
        )  # fmt: skip

    def _octets(self, folder: Folder, uid: int) -> bytes:
        path = remote_mail.place(folder.name, uid)
        if self._selected != folder.name and self._select(folder) != folder.validity:
            raise MailUnreadable(f"The mail {path} cannot be found again: its folder was renumbered.", path=path)
        answer = self._line.ask(f"mail {path}", lambda box: box.client.uid("FETCH", str(uid), "(UID BODY.PEEK[])"))
        found = [octets for _, octets in _fetched(answer[1])]
        if not found:
            raise MailUnreadable(f"The mail {path} is not there any more: somebody moved or deleted it.", path=path)
        return found[0]


def _asked_for(box: BaseMailBox, numbers: str) -> list[tuple[bytes, bytes]]:
    kind, answer = box.client.uid("FETCH", numbers, _HEADERS)
    found = list(_fetched(answer))
    # A refusal may come with what is still there of them (RFC 2180 section 4.1.2).
    if kind != "OK" and not found:
        raise imaplib.IMAP4.error(f"FETCH: {answer!r}")
    return found


def _fetched(answer: list) -> Iterator[tuple[bytes, bytes]]:
    """The facts and the literal of each mail; servers put the facts before the literal, after it, or both."""
    for position, item in enumerate(answer):
        if isinstance(item, tuple):
            after = answer[position + 1] if position + 1 < len(answer) else b""
            yield item[0] + b" " + (after if isinstance(after, bytes) else b""), item[1]


def _again(mail: RemoteMail) -> RemoteMail:
    return RemoteMail(
        mail.path, mail.recipient_envelope, fetch=mail.fetch, folder=mail.folder, is_spam=mail.is_spam,
        arrived_at=mail.arrived_at,
    )  # fmt: skip


def _plain(address: str) -> str:
    """The address without its tag, for comparing."""
    box, _, domain = address.casefold().rpartition("@")
    return f"{box.partition('+')[0]}@{domain}"


def _bracketed(message_id: str) -> str:
    return f"<{message_id.strip().removeprefix('<').removesuffix('>')}>"
