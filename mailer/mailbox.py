"""The Maildir of delivered mail: keeping durably, reading back. No SMTP here, no verdict on a mail."""

import itertools
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from mailbox import Maildir
from pathlib import Path
from typing import cast

from mailer.errors import MailerError
from store import places

HEADER_LIMIT = 262_144
_FOLDERS = ("tmp", "new", "cur")
_NO_MAILBOX = "start `python -m mailer sandbox`, or set SANDBOX_MAILBOX to where it keeps its mail."
_NOT_A_FOLDER = "move that file away, or name another folder by SANDBOX_MAILBOX or --mailbox."
_NOT_WRITABLE = "make it writable and its disk have room, or name another by SANDBOX_MAILBOX or --mailbox."


class MailboxUnusable(MailerError):
    """The mailbox folder cannot be made, written or listed."""


class MailUnreadable(MailerError):
    """One delivered mail, or one part of it, cannot be read. `path` says which, where it is known."""

    def __init__(self, message: str, fix: str = "", path: Path | None = None):
        super().__init__(message, fix)
        self.path = path


# Keeping


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it was received: the envelope, and the message's exact bytes."""

    sender: str = field(repr=False)
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)


def prepare(folder: Path) -> None:
    """Makes the Maildir, readable by its owner only, since mails carry links. Raises MailboxUnusable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        probe = folder / "tmp" / _unique_name()
        probe.touch(mode=0o600, exist_ok=False)
        probe.unlink()
        Maildir(folder).clean()
        for path in (folder, folder.parent):
            places.sync_folder(path)
    except (FileExistsError, NotADirectoryError) as error:
        in_the_way = places.shown(error.filename)
        what = f"The mailbox {places.shown(folder)} cannot be a folder: a file is in its way at {in_the_way}."
        raise MailboxUnusable(what, _NOT_A_FOLDER) from error
    except OSError as error:
        what = f"The mailbox {places.shown(folder)} cannot be written ({error.strerror})."
        raise MailboxUnusable(what, _NOT_WRITABLE) from error


def keep(folder: Path, mails: Sequence[Mail]) -> list[OSError | None]:
    """Keeps a copy per recipient, each mail whole or not at all; they share the folder's sync.

    What comes back is each mail's error, in order; None means that it outlives a power cut.
    """
    outcomes = [_publish(folder, mail) for mail in mails]
    try:
        places.sync_folder(folder / "new")
    except OSError as error:
        return [outcome or error for outcome in outcomes]
    return outcomes


def _publish(folder: Path, mail: Mail) -> OSError | None:
    placed: list[Path] = []
    try:
        for recipient in mail.recipients:
            placed.append(folder / "tmp" / _unique_name())
            _write(placed[-1], _trace(mail.sender, recipient), mail.content)
        for position, staged in enumerate(placed):
            placed[position] = staged.rename(folder / "new" / staged.name)
    except OSError as error:
        for path in placed:
            path.unlink(missing_ok=True)
        return error
    return None


def _trace(sender: str, recipient: str) -> bytes:
    """The lines that a final delivery puts on top (RFC 5321 section 4.4); they prove the envelope."""
    return f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode()


_TRACE = re.compile(rb"Return-Path: <[^\r\n]*>\r\nDelivered-To: [^\r\n]*\r\n")


def _write(path: Path, *parts: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_counter = itertools.count()
_token = secrets.token_hex(4)
_host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")


def _unique_name() -> str:
    """Unique among all processes that share the mailbox, sorted by time (cr.yp.to/proto/maildir.html)."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds}.M{nanoseconds // 1000:06}P{os.getpid()}R{_token}Q{next(_counter)}.{_host}"


# Reading back


@dataclass(frozen=True)
class Delivered:
    """One delivered mail. `recipient_envelope` is the address the server was told; empty without a trace."""

    path: Path
    recipient_envelope: str = field(repr=False)

    @property
    def raw(self) -> bytes:
        """The whole file, trace lines included. Raises MailUnreadable."""
        try:
            return _located(self.path).read_bytes()
        except OSError as error:
            what = f"The mail {self.path.name} cannot be read ({error.strerror})."
            raise MailUnreadable(what, path=self.path) from error

    @property
    def sent(self) -> bytes:
        """The message as the sender handed it over, without the lines put on top at delivery."""
        raw = self.raw
        trace = _TRACE.match(raw)
        return raw[trace.end() :] if trace else raw

    @cached_property
    def message(self) -> EmailMessage:
        """The whole mail, parsed once."""
        return cast(EmailMessage, message_from_bytes(self.raw, policy=policy.default))


def _located(path: Path) -> Path:
    """Where the mail is now: a mail program that has shown it moves it from new to cur and adds flags."""
    if path.exists():
        return path
    base = _base(path.name)
    shown = (entry for entry in path.parent.parent.joinpath("cur").iterdir() if _base(entry.name) == base)
    return next(shown, path)


def _base(name: str) -> str:
    return name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Fault:
    """A file in the mailbox that is no proper mail, and why."""

    path: Path
    what: str


class Mailbox:
    """The mail delivered into a Maildir. `faults` lists what the last `index` could not take as a mail."""

    def __init__(self, path: Path):
        self.path = path
        self.faults: list[Fault] = []
        self._index: dict[str, list[Delivered]] | None = None

    def index(self) -> dict[str, list[Delivered]]:
        """All mails by Message-ID, in the order of delivery, from one fresh pass that reads headers only.

        Raises MailboxUnusable; a file that is no mail becomes a fault.
        """
        index: dict[str, list[Delivered]] = {}
        self.faults = []
        for path in self._files():
            try:
                message_id, recipient = _identify(path)
            except FileNotFoundError:
                continue  # moved to cur meanwhile, where this pass meets it again, or deleted
            except (OSError, MailUnreadable) as error:
                self.faults.append(Fault(path, str(error)))
            else:
                index.setdefault(message_id, []).append(Delivered(path, recipient))
        self._index = index
        return index

    def find(self, message_id: str) -> list[Delivered]:
        """The mails with this Message-ID as of the last `index` (made now if there is none)."""
        index = self.index() if self._index is None else self._index
        # New objects, so that what a caller has parsed is freed together with them.
        found = index.get(_bracketed(message_id), ())
        return [Delivered(mail.path, mail.recipient_envelope) for mail in found]

    def _files(self) -> Iterator[Path]:
        seen: set[str] = set()
        for name in ("new", "cur"):
            for path in sorted(self._listed(self.path / name)):
                if _base(path.name) not in seen:
                    yield path
                    seen.add(_base(path.name))

    def _listed(self, folder: Path) -> list[Path]:
        try:
            return [folder / name for name in os.listdir(folder) if not name.startswith(".")]
        except OSError as error:
            what = f"{places.shown(self.path)} is no mailbox that can be read ({error.strerror})."
            raise MailboxUnusable(what, _NO_MAILBOX) from error


_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"^Message-ID:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_ENVELOPE = re.compile(rb"^(?:Delivered-To|X-Envelope-To):([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def _identify(path: Path) -> tuple[str, str]:
    """The mail's Message-ID and its envelope recipient. Raises OSError and MailUnreadable."""
    header = _header(path)
    ids = _MESSAGE_ID.findall(header)
    if len(ids) != 1 or not ids[0].strip():
        raise MailUnreadable(f"has {len(ids)} Message-ID lines" if ids else "has no Message-ID", path=path)
    envelope = _ENVELOPE.search(header)
    recipient = envelope[1].strip().decode("utf-8", "replace") if envelope else ""
    return _bracketed(b"".join(ids[0].split()).decode("utf-8", "replace")), recipient


def _header(path: Path) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise MailUnreadable("is no file", path=path)
    with path.open("rb", buffering=0) as file:
        header = file.read(16_384)
        if not (end := _HEADER_END.search(header)):
            header += file.read(HEADER_LIMIT)
            end = _HEADER_END.search(header)
    if not end and len(header) > HEADER_LIMIT:
        raise MailUnreadable(f"has no end of its header within {HEADER_LIMIT} bytes", path=path)
    return header[: end.start()] if end else header


def _bracketed(message_id: str) -> str:
    return f"<{message_id.strip().removeprefix('<').removesuffix('>')}>"


def text_of(message: EmailMessage) -> str | None:
    """The plain text that is shown, lines ending in LF; None if there is none. Raises MailUnreadable."""
    return _lines(_part(message, "text/plain"))


def html_of(message: EmailMessage) -> str | None:
    """The HTML that is shown, lines ending in LF; None if there is none. Raises MailUnreadable."""
    return _lines(_part(message, "text/html"))


def calendar_of(message: EmailMessage) -> str | None:
    """The calendar part (RFC 6047), line ends as sent; None if there is none. Raises MailUnreadable."""
    return _part(message, "text/calendar")


def _lines(text: str | None) -> str | None:
    return text and text.replace("\r\n", "\n")


def _part(message: EmailMessage, content_type: str) -> str | None:
    try:
        for part in message.walk():
            if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
                return cast(EmailMessage, part).get_content(errors="strict")
    except (LookupError, ValueError) as error:
        raise MailUnreadable(f"The {content_type} part cannot be decoded ({error}).") from error
    return None
