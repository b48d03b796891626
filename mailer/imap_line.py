"""A line to an IMAP server (RFC 3501): connected, secured, logged in, each step bounded. Mails are in `imap_mailbox`."""

import base64
import imaplib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError
from pydantic import SecretStr

from mailer.account import PLAIN, SSL, STARTTLS, ImapAccount
from mailer.certificates import trusting
from mailer.mailbox import MailboxUnusable
from mailer.providers import provider_of
from mailer.replies import cleaned
from mailer.wire import Wire, WireFault

_LINE_BYTES, _LITERAL_BYTES = 20 * 1024 * 1024, 100 * 1024 * 1024
_GOODBYE_SECONDS = 2.0
_OTHER_PORT = "check IMAP_PORT and IMAP_SECURITY: 993 goes with ssl, 143 with starttls."
_FIXES = {
    "dns": "check the spelling of IMAP_HOST, and that this machine can look up names.",
    "refused": "check IMAP_HOST and IMAP_PORT (993 with ssl, 143 with starttls), and that the IMAP server runs.",
    "timeout": f"{_OTHER_PORT} If they are right, ask whether a firewall blocks the port.",
    "dropped": f"{_OTHER_PORT} If they are right, ask the mailbox's provider why it hangs up.",
    "certificate": (
        "set IMAP_HOST to the name on the certificate, have it renewed if it expired, or name its authority by"
        " EMAIL_CA_FILE. Verification is not switched off."
    ),
    "tls": _OTHER_PORT,
    "protocol": f"{_OTHER_PORT} What answers there does not speak IMAP as it must.",
    "no_starttls": "set IMAP_PORT=993 and IMAP_SECURITY=ssl: this port offers no encryption.",
    "plain": "set IMAP_SECURITY=ssl: a password is sent in the clear to this machine only.",
    "server": "try again in some minutes; if it stays, ask the mailbox's provider what its words mean.",
}
_LOGIN = "check IMAP_USER and IMAP_PASSWORD (the mailbox's own, not the sender's), and that IMAP is allowed for it."
_LOGINS = {
    "google": "Gmail needs an App Password (myaccount.google.com/apppasswords), or EMAIL_AUTH=xoauth2.",
    "microsoft": "Microsoft 365 takes no password for IMAP: use EMAIL_AUTH=xoauth2 with IMAP.AccessAsUser.All.",
}
_TOKEN = "see to it that the token is this mailbox's (IMAP_USER) and may read mail by IMAP (its scope)."


class ImapRefused(MailboxUnusable):
    """The mailbox cannot be read back. `kind` is that of `WireFault`, or no_starttls, plain, login, folder or server."""

    def __init__(self, kind: str, message: str, fix: str = ""):
        super().__init__(cleaned(message), fix or _FIXES[kind])
        self.kind = kind


class _ImapWire(Wire):
    """Lines and literals instead of replies."""

    def read_until_break(self, until: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE_BYTES:
                raise WireFault("protocol", "the line does not end")
            self._buffer += self._receive(until)
        return self._taken(end + 1)

    def read_exactly(self, size: int, until: float) -> bytes:
        if size > _LITERAL_BYTES:
            raise WireFault("protocol", f"a part of {size} bytes is more than a mail can have")
        pieces, have = [self._buffer], len(self._buffer)
        while have < size:
            pieces.append(self._receive(until))
            have += len(pieces[-1])
        self._buffer = b"".join(pieces)
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


class _Client(imaplib.IMAP4):
    """imaplib's commands over a wire whose every read and write ends in time. `until` is an instant of `clock`."""

    def __init__(self, account: ImapAccount, clock: Callable[[], float]):
        self._account, self._clock = account, clock
        self.until = clock() + account.timeout
        super().__init__(account.host, account.port)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.wire = _ImapWire.connect(host, port, self.until, self._clock)
        if self._account.security == SSL:
            self._encrypt()

    def secure(self) -> None:
        """STARTTLS. What was said in the clear is forgotten (RFC 3501 section 6.2.1). Raises ImapRefused."""
        if "STARTTLS" not in self.capabilities or self.state != "NONAUTH":
            raise ImapRefused("no_starttls", "The server offers no STARTTLS.")
        kind, said = self._simple_command("STARTTLS")
        if kind != "OK":
            raise ImapRefused("no_starttls", f"The server refuses STARTTLS: {_words(said)}")
        self._encrypt()
        self.untagged_responses = {}
        self._get_capabilities()

    def _encrypt(self) -> None:
        context = trusting(self._account.ca_file)
        self.tls_version = self.wire.start_tls(context, self.host, self.until)

    def read(self, size: int) -> bytes:
        return self.wire.read_exactly(size, self.until)

    def readline(self) -> bytes:
        return self.wire.read_until_break(self.until)

    def send(self, data: bytes) -> None:
        self.wire.write(data, self.until)

    def shutdown(self) -> None:
        # Not there if nothing answered.
        if hasattr(self, "wire"):
            self.wire.close()


class _Box(BaseMailBox):
    def __init__(self, client: _Client):
        self._given = client
        super().__init__()

    def _get_mailbox_client(self) -> _Client:
        return self._given


class ImapLine:
    """One connection to the account's server. `open` it, `ask` over it, `close` it. `trace` gets a line a step."""

    def __init__(self, account: ImapAccount, clock: Callable[[], float] = time.monotonic,
                 trace: Callable[[str], None] = lambda _: None):  # fmt: skip
        self.account, self._clock, self._trace = account, clock, trace
        self._box: _Box | None = None
        self._ends_at = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bounds all that is asked inside together."""
        before = self._ends_at
        self._ends_at = min(before, self._clock() + seconds)
        try:
            yield
        finally:
            self._ends_at = before

    def open(self) -> None:
        """Connects, secures and logs in, each within the account's time-out. Raises ImapRefused and TokenRefused."""
        account = self.account
        where = f"{account.host}:{account.port}"
        client = self._guarded(f"connect to {where}", lambda: _Client(account, self._clock))
        try:
            self._box = _Box(client)
            self._trace(f"imap connect: {where} ({account.security})")
            if account.security == STARTTLS:
                self.ask("STARTTLS", lambda box: box.client.secure())
            if account.security == PLAIN and not client.wire.peer_is_loopback:
                raise ImapRefused("plain", f"{where} is not on this machine, and IMAP_SECURITY=plain.")
            self._log_in()
        except BaseException:
            self._drop()
            raise
        self._trace(f"imap login: {getattr(client, 'tls_version', 'no TLS')}, logged in")

    def close(self) -> None:
        """Says goodbye within two seconds, and closes in any case."""
        if self._box is not None:
            self._box.client.until = self._clock() + min(_GOODBYE_SECONDS, self.account.timeout)
            # The mails are read; a server that does not say goodbye changes nothing.
            with suppress(WireFault, imaplib.IMAP4.error, ImapToolsError):
                self._box.client.logout()
        self._drop()

    def ask(self, what: str, question: Callable[[BaseMailBox], object]):
        """What the question comes back with, within the account's time-out. Raises ImapRefused; `what` names it."""
        if self._box is None:
            raise ImapRefused("dropped", f"IMAP {what}: the connection is not open.")
        self._trace(f"imap {what}")
        self._box.client.until = min(self._clock() + self.account.timeout, self._ends_at)
        return self._guarded(what, lambda: question(self._box))

    def _guarded(self, what: str, question: Callable[[], object]):
        try:
            return question()
        except WireFault as fault:
            self._drop()
            raise ImapRefused(fault.kind, f"IMAP {what}: {fault.text}") from fault
        except imaplib.IMAP4.abort as error:
            self._drop()
            raise ImapRefused("protocol", f"IMAP {what}: {error}") from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            raise ImapRefused("server", f"IMAP {what}: the server says {_said(error)}") from error

    def _drop(self) -> None:
        if self._box is not None:
            self._box.client.shutdown()
            self._box = None

    def _log_in(self) -> None:
        account = self.account
        if account.token is None:
            self._tried(account.password, self._by_password, _LOGINS.get(provider_of(account.host).name, _LOGIN))
            return
        token = account.token.token(account.timeout)
        try:
            self._tried(token, self._by_token, _TOKEN)
        except ImapRefused as refused:
            if refused.kind != "login":
                raise
            # It may have been withdrawn before its time.
            account.token.reject(token)
            self._tried(account.token.token(account.timeout), self._by_token, _TOKEN)

    def _tried(self, secret: SecretStr, login: Callable[[BaseMailBox, str], object], fix: str) -> None:
        value = secret.get_secret_value()
        try:
            self.ask("login", lambda box: login(box, value))
        except ImapRefused as refused:
            if refused.kind not in ("server", "protocol"):
                raise
            kind, said = "login" if refused.kind == "server" else refused.kind, str(refused)
        else:
            return
        # Raised anew and not from its cause, whose words may repeat what was sent.
        for hidden in _forms(self.account.user, value):
            said = said.replace(hidden, "***")
        raise ImapRefused(kind, said, fix if kind == "login" else "")

    def _by_password(self, box: BaseMailBox, password: str) -> None:
        if "AUTH=PLAIN" in box.client.capabilities:
            box.login_utf8(self.account.user, password, None)
        else:
            box.login(self.account.user, password, None)

    def _by_token(self, box: BaseMailBox, token: str) -> None:
        # The second answer is empty: it asks for the refusal after the server has told why in JSON.
        answers = iter((f"user={self.account.user}\1auth=Bearer {token}\1\1".encode(),))
        box.client.authenticate("XOAUTH2", lambda _: next(answers, b""))


def _forms(user: str, secret: str) -> tuple[str, ...]:
    """How a secret may come back: as it is, quoted, or in the base64 of a login."""
    encoded = (f"\0{user}\0{secret}", f"user={user}\1auth=Bearer {secret}\1\1", secret)
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    return (secret, quoted, *(base64.b64encode(form.encode()).decode() for form in encoded)) if secret else ()


def _said(error: Exception) -> str:
    """The server's words in an exception of either library."""
    result = getattr(error, "command_result", None)
    return _words(result[1]) if result else str(error)


def _words(said: object) -> str:
    parts = said if isinstance(said, (list, tuple)) else [said]
    return " ".join(part.decode("utf-8", "replace") for part in parts if isinstance(part, bytes)) or "nothing"
