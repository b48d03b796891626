"""The plain sandbox server: it takes every mail and keeps it. How a mail is kept lives in `mailbox`."""

import asyncio
import errno
import socket
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer import mailbox
from mailer.sandbox.listener import GRACE_SECONDS

MESSAGE_LIMIT = 10 * 1024 * 1024
RECIPIENT_LIMIT = 100
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def serve(folder: Path, listener: socket.socket, ending: asyncio.Event) -> None:
    """Receives mail on `listener` into the prepared Maildir until `ending`; mails under way are answered."""
    loop = asyncio.get_running_loop()
    conversations: set[Conversation] = set()
    reception = Reception(folder)
    server = await loop.create_server(lambda: Conversation(reception, conversations), sock=listener)
    await ending.wait()
    server.close()
    over = [loop.create_task(conversation.end()) for conversation in tuple(conversations)]
    if over:
        await asyncio.wait(over, timeout=GRACE_SECONDS)
    for conversation in tuple(conversations):
        conversation.abort()


class Reception:
    """Answers the commands of a conversation (the hooks of aiosmtpd), and keeps each mail before its 250."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._group: list[mailbox.Mail] = []
        self._kept: asyncio.Task[list[OSError | None]] | None = None
        self._keeping = asyncio.Lock()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _refusal(address, envelope):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _refusal(address, envelope):
            return refusal
        if len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from or ""
        recipients = tuple(dict.fromkeys(envelope.rcpt_tos))
        error = await self._keep(mailbox.Mail(sender, recipients, envelope.original_content or b""))
        if error is None:
            return "250 2.0.0 OK"
        if error.errno in _FULL:
            return "452 4.3.1 Insufficient system storage"
        return f"451 4.3.0 The mailbox cannot be written ({error.strerror})"

    async def handle_exception(self, error: Exception) -> str:
        # The kind only: the text of an error may hold an address.
        print(f"A command could not be answered ({type(error).__name__}).", file=sys.stderr, flush=True)
        return "451 4.3.0 Local error in processing"

    async def _keep(self, mail: mailbox.Mail) -> OSError | None:
        """Mails that arrive while others are being synced wait for one another and share the next sync."""
        if self._kept is None:
            self._group = []
            self._kept = asyncio.create_task(self._keep_group(self._group))
        position = len(self._group)
        self._group.append(mail)
        # Shielded: a line that breaks must not take the others' mails with it.
        return (await asyncio.shield(self._kept))[position]

    async def _keep_group(self, group: list[mailbox.Mail]) -> list[OSError | None]:
        async with self._keeping:
            self._kept = None
            return await asyncio.to_thread(mailbox.keep, self._folder, group)


def _refusal(address: str, envelope: Envelope) -> str:
    """Why an address is refused in this envelope, empty if it is not (RFC 6531 section 3.5)."""
    if not address.isprintable():
        return "501 5.1.3 Bad address syntax"
    if not (address.isascii() or envelope.smtp_utf8):
        return "553 5.6.7 Non-ASCII addresses need SMTPUTF8"
    return ""


class Conversation(SMTP):
    """One client's connection. It can be ended between two mails, never inside one."""

    def __init__(self, reception: Reception, conversations: set["Conversation"]):
        super().__init__(
            reception,
            data_size_limit=MESSAGE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="sandbox.localhost",
            ident="sandbox",
            loop=asyncio.get_running_loop(),
        )
        self._conversations = conversations
        self._receiving = False
        self._ending = False
        self._over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._conversations.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._conversations.discard(self)
        self._over.set()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self._receiving = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self._receiving = False
        if self._ending:
            await self._close()

    async def end(self) -> None:
        """Returns when the connection is closed: at once, or when the mail under way is answered."""
        self._ending = True
        if not self._receiving:
            await self._close()
        await self._over.wait()

    def abort(self) -> None:
        """Drops the connection; the client sees no answer and knows that it must send again."""
        if self.transport is not None:
            self.transport.abort()

    async def _close(self) -> None:
        await self.push("421 4.3.2 The sandbox is ending")
        # As the library ends a conversation itself, so that no command waiting behind this is obeyed.
        self._handler_coroutine.cancel()
        if self.transport is not None:
            self.transport.close()
