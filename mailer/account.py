"""The mail account that a checked configuration gives: how to reach it, how to behave there. Checks are in `config`."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from mailer.tokens import TokenSource

SMTP, SANDBOX = "smtp", "sandbox"
SSL, STARTTLS, PLAIN = "ssl", "starttls", "plain"
RESEND, HOLD = "resend", "hold"
PASSWORD, XOAUTH2, NO_LOGIN = "password", "xoauth2", "none"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """What mails are signed with; `private_key` is the text of a PEM file."""

    domain: str
    selector: str
    private_key: SecretStr


@dataclass(frozen=True, slots=True)
class NameServer:
    """Who is asked for DNS records instead of the system's name server. `address` is an IP address."""

    address: str
    port: int = 53


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """The mailbox that delivered mails are read back from. With a `token` there is no password.

    `timeout` is seconds a step; `folders` are those to look into, all if empty.
    """

    host: str
    port: int
    security: str
    user: str
    password: SecretStr = SecretStr("")
    token: TokenSource | None = None
    timeout: float = 30
    ca_file: Path | None = None
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Times are seconds, `rate` is mails a minute (0: unlimited), `from_name` may be empty.

    `timeout` bounds each step of a conversation, `deadline` a whole mail from its envelope to the reply after its
    final dot, `lease` is how long a worker may hold a mail, `hold` how long an unknown outcome rests. `auth` says how
    `user` logs in: by `password`, or by a token of `token` (xoauth2); without a user there is no login.
    """

    backend: str
    host: str
    port: int
    security: str
    from_address: str
    from_name: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")
    timeout: float = 30
    deadline: float = 600
    lease: float = 900
    hold: float = 900
    on_unknown: str = RESEND
    connections: int = 4
    rate: int = 0
    ca_file: Path | None = None
    mailbox: Path | None = None
    auth: str = PASSWORD
    token: TokenSource | None = None
    dkim: DkimKey | None = None

    @property
    def fingerprint(self) -> str:
        """Names the settings that a pause depends on (16 hex digits): changed settings lift the pause.

        Slow on purpose (scrypt): the database holds it, and it must not let anybody try passwords.
        """
        # The sandbox gets a new port each time; that is no change of settings.
        port = 0 if self.backend == SANDBOX else self.port
        facts = (self.backend, self.host, str(port), self.security, self.user, self.from_address, self.from_name)
        secret = self.password.get_secret_value()
        # Where tokens come from, never a token: that would lift a pause every hour.
        if self.token is not None:
            facts, secret = (*facts, self.auth), self.token.identity.get_secret_value()
        if self.dkim is not None:
            facts = (*facts, self.dkim.domain, self.dkim.selector)
            secret = f"{secret}\0{self.dkim.private_key.get_secret_value()}"
        return _fingerprint(facts, secret)


@lru_cache(maxsize=8)
def _fingerprint(facts: tuple[str, ...], secret: str) -> str:
    salt = hashlib.sha256("\0".join(("mail account", *facts)).encode()).digest()
    return hashlib.scrypt(secret.encode("utf-8", "surrogateescape"), salt=salt, n=2**14, r=8, p=1, dklen=8).hex()
