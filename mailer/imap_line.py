"""A line to an IMAP server (RFC 3501): connected, secured, logged in, each step bounded. Mails are in `imap_mailbox`."""

import base64
import imaplib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError
from pydantic import SecretStr

from mailer import sasl
from mailer.account import PLAIN, SSL, STARTTLS, ImapAccount
from mailer.certificates import trusting
from mailer.mailbox import MailboxUnusable
from mailer.providers import provider_of
from mailer.replies import cleaned, without_controls
from mailer.wire import Wire, WireFault
from store.known_secrets import KnownSecrets

_ANSWER_BYTES = 32 * 1024 * 1024  # of all lines and parts that answer one question, each with
_KEEPING = 100  # so many more that keeping it costs
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
    "preauth": "set IMAP_HOST, IMAP_PORT and IMAP_SECURITY to where a login is asked for (993, ssl; 143, starttls).",
    "plain": "set IMAP_SECURITY=ssl: a password is sent in the clear to this machine only.",
    "server": "try again in some minutes; if it stays, ask the mailbox's provider what its words mean.",
}
_LOGIN = "check IMAP_USER and IMAP_PASSWORD (the mailbox's own, not the sender's), and that IMAP is allowed for it."
_LOGINS = {
    "google": "Gmail needs an App Password (myaccount.google.com/apppasswords), or EMAIL_AUTH=xoauth2.",
    "microsoft": "Microsoft 365 takes no password for IMAP: use EMAIL_AUTH=xoauth2 with IMAP.AccessAsUser.All.",
}
_TOKEN = "see to it that the token is this mailbox's (IMAP_USER) and may read mail by IMAP (its scope)."


_AFTER_LOGIN = {
    "timeout": (
        "the login is good, and the server is slow with this mailbox: raise EMAIL_TIMEOUT, or name fewer folders by"
        " IMAP_FOLDERS."
    ),
    "dropped": "the login is good, and the server hung up later: try again in some minutes; if it stays, ask the"
    " mailbox's provider why.",
    "protocol": "the login is good, and the server answers later as none should: ask the mailbox's provider.",
}


class ImapRefused(MailboxUnusable):
    """The mailbox cannot be read back. `kind` is that of `WireFault`, or no_starttls, plain, preauth, login, folder
    or server."""

    def __init__(self, kind: str, message: str, fix: str = ""):
        super().__init__(cleaned(message), fix or _FIXES[kind])
        self.kind = kind


class _ImapWire(Wire):
    """Lines and literals instead of replies. `answer_bytes` are those taken since it was set to nothing."""

    answer_bytes = 0

    def read_until_break(self, until: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._must_fit(len(self._buffer))
            self._buffer += self._receive(until)
        return self._taken(end + 1)

    def read_exactly(self, size: int, until: float) -> bytes:
        self._must_fit(size)
        pieces, have = [self._buffer], len(self._buffer)
        while have < size:
            pieces.append(self._receive(until))
            have += len(pieces[-1])
        self._buffer = b"".join(pieces)
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        self.answer_bytes += size + _KEEPING
        self._must_fit(0)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _must_fit(self, size: int) -> None:
        if self.answer_bytes + size > _ANSWER_BYTES:
            raise WireFault("protocol", f"the answer has more than {_ANSWER_BYTES // 1024 // 1024} MB")


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
        self._is_in = False
        self._known = KnownSecrets()
        self._known.add(_forms(account.user, account.password.get_secret_value()))

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
            if client.state != "NONAUTH":
                raise ImapRefused("preauth", f"{where} opens a mailbox without a login (PREAUTH): nobody knows whose.")
            self._log_in()
        except BaseException:
            self._drop()
            raise
        self._is_in = True
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
        self._trace(self._known.hide(f"imap {what}"))
        self._box.client.until = min(self._clock() + self.account.timeout, self._ends_at)
        self._box.client.wire.answer_bytes = 0
        return self._guarded(what, lambda: question(self._box))

    def _guarded(self, what: str, question: Callable[[], object]):
        try:
            return question()
        except WireFault as fault:
            self._refuse(fault.kind, f"IMAP {what}: {fault.text}", fault)
        except imaplib.IMAP4.abort as error:
            self._refuse("protocol", f"IMAP {what}: {error}", error)
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            self._refuse("server", f"IMAP {what}: the server says {_said(error)}", error)
        except (ValueError, OverflowError, LookupError) as error:
            # What the libraries trip over where an answer is none.
            self._refuse("protocol", f"IMAP {what}: the answer makes no sense", error)

    def _refuse(self, kind: str, said: str, cause: Exception) -> NoReturn:
        """Raises ImapRefused, caused by what happened unless that has words in it that must not be seen."""
        fix = _AFTER_LOGIN.get(kind, "") if self._is_in else ""
        if kind != "server":
            self._drop()
        is_clean = self._known.hide(str(cause)) == str(cause)
        raise ImapRefused(kind, self._known.hide(without_controls(said)), fix) from (cause if is_clean else None)

    def _drop(self) -> None:
        if self._box is not None:
            self._box.client.shutdown()
            self._box = None
        self._is_in = False

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
        forms = _forms(self.account.user, value)
        self._known.add(forms)
        try:
            self.ask("login", lambda box: login(box, value))
        except ImapRefused as refused:
            if refused.kind not in ("server", "protocol"):
                raise
            kind, said = "login" if refused.kind == "server" else refused.kind, str(refused)
        else:
            return
        # Raised anew and not from its cause, whose words may repeat what was sent.
        raise ImapRefused(kind, sasl.without_parts(said, forms), fix if kind == "login" else "")

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
    """What is said of a secret: as it is, quoted, or in the base64 of a login."""
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
