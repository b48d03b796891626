"""What the scripted server writes down of each connection: who said what when, with secrets masked."""

from dataclasses import dataclass, field

from pydantic import SecretStr

from mailer.replies import cleaned

CLIENT, SERVER = "client", "server"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a conversation, harmless to show. `at` is seconds since the server began."""

    at: float
    by: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:9.3f} {self.by}: {self.text}"


@dataclass(frozen=True, slots=True)
class Login:
    """A try to log in. `secret` is the password or the token."""

    mechanism: str
    user: str
    secret: SecretStr
    accepted: bool


@dataclass
class Connection:
    """What happened on one connection. `commands` are as they came, but for what would log somebody in.

    `taken` counts the mails, `ended` says how it broke off; both stay empty for one that said QUIT at once.
    """

    number: int
    place: int
    commands: list[str] = field(default_factory=list)
    transcript: list[Line] = field(default_factory=list)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secured: bool = False
    logged_in: bool = False
    taken: int = 0
    quit: bool = False
    ended: str = ""

    def hide(self, *secrets: str) -> None:
        """From now on these are masked, whoever says them."""
        self.secrets = (*self.secrets, *(secret for secret in secrets if secret))

    def note(self, at: float, by: str, text: str) -> None:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        self.transcript += [Line(at, by, cleaned(line)) for line in text.splitlines() or [""]]
