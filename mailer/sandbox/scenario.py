"""What a scripted server plays: how it presents itself, and its rules. The ready-made ones are in `scenarios`."""

from dataclasses import dataclass

from mailer.account import PLAIN
from mailer.sandbox.rules import Rule

EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`about` is one sentence for ops. The first rule that answers decides; without one the server is a good server.

    `security` is how clients must come: plain, starttls or ssl. `certificate` is trusted, expired, self_signed or
    other_name (see `certificates`), and is there where the security needs one. `mechanisms` are offered for the login,
    which `login_needed` makes the condition of sending; `users` are known to the server that plays this.
    """

    name: str
    about: str
    rules: tuple[Rule, ...] = ()
    greeting: str = "220 sandbox.localhost ESMTP"
    extensions: tuple[str, ...] = EXTENSIONS
    security: str = PLAIN
    certificate: str = ""
    mechanisms: str = ""
    login_needed: bool = False
