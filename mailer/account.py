"""The mail account that a checked configuration gives: how to reach it, how to behave there. Checks are in `config`."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

SMTP, SANDBOX = "smtp", "sandbox"
SSL, STARTTLS, PLAIN = "ssl", "starttls", "plain"
RESEND, HOLD = "resend", "hold"


@dataclass(frozen=True, slots=True)
class Account:
    """Times are seconds, `rate` is mails a minute (0: unlimited), `from_name` may be empty.

    `timeout` bounds each step of a conversation, `deadline` a whole mail from its envelope to the reply after its
    final dot, `lease` is how long a worker may hold a mail, `hold` how long an unknown outcome rests.
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

    @property
    def fingerprint(self) -> str:
        """Names the settings that a pause depends on (16 hex digits): changed settings lift the pause.

        Slow on purpose (scrypt): the database holds it, and it must not let anybody try passwords.
        """
        # The sandbox gets a new port each time; that is no change of settings.
        port = 0 if self.backend == SANDBOX else self.port
        facts = (self.backend, self.host, str(port), self.security, self.user, self.from_address, self.from_name)
        return _fingerprint(facts, self.password.get_secret_value())


@lru_cache(maxsize=8)
def _fingerprint(facts: tuple[str, ...], password: str) -> str:
    salt = hashlib.sha256("\0".join(("mail account", *facts)).encode()).digest()
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=8).hex()
