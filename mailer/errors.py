"""The mailer's refusals and the record of how a conversation failed. What a failure means is told in `signatures`."""

from dataclasses import dataclass

from mailer.replies import cleaned
from store.errors import Finding, Refusal


class MailerError(Refusal):
    """Base of all refusals of the mailer."""


class ConfigurationRefused(MailerError):
    """The mail settings cannot be used; nothing was tried. `findings` holds every problem, found in one pass."""

    def __init__(self, findings: tuple[Finding, ...]):
        self.findings = findings
        super().__init__("; ".join(self.lines()))


@dataclass(frozen=True, slots=True)
class Failure:
    """How one step of a conversation failed; data only, safe to store and to show.

    `phase` is connect, banner, ehlo, starttls, auth, reset, mail, rcpt, data or dot (after the final dot).
    `kind` is reply, timeout, dropped, refused, dns, certificate, tls, no_starttls, no_auth, needs_smtputf8,
    too_big, protocol, token or token_passing (none could be had). `code` and `enhanced` (RFC 3463) are the server's,
    `text` its words made harmless. `fix` is set where the fault lies on this side and says itself what to do.
    """

    phase: str
    kind: str
    code: int | None = None
    enhanced: str = ""
    text: str = ""
    host: str = ""
    port: int = 0
    security: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", cleaned(self.text))

    def __str__(self) -> str:
        said = " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)
        return f"{self.kind} at {self.phase}: {said}" if said else f"{self.kind} at {self.phase}"


class Refused(MailerError):
    """The conversation cannot go on, or never began. `failure` says where and how."""

    def __init__(self, failure: Failure):
        super().__init__(str(failure))
        self.failure = failure
