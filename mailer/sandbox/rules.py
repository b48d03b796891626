"""The ways in which the scripted server can misbehave: each rule looks at a moment and answers, or lets it pass.

Rules are data: what they remember is kept in the server's history, so one scenario may play on many servers.
"""

from dataclasses import dataclass
from typing import Protocol

from mailer.sandbox.answers import Answer, Say
from mailer.sandbox.moments import BANNER, MAIL, RCPT, Moment


class Rule(Protocol):
    """Gives its answer to a moment, or None to let the next rule decide. The last resort is a good server's answer."""

    def answer(self, moment: Moment) -> Answer | None: ...


@dataclass(frozen=True, slots=True)
class At:
    """One answer at one step: always, or where the command has the words `to`.

    `first` keeps it to so many times, `after` lets so many pass before, `every` lets all but each so many-th pass.
    """

    step: str
    says: Answer
    to: str = ""
    first: int = 0
    after: int = 0
    every: int = 1

    def answer(self, moment: Moment) -> Answer | None:
        if moment.step != self.step or self.to.lower() not in moment.argument.lower():
            return None
        number = moment.history.count(self) - self.after
        fits = number > 0 and (not self.first or number <= self.first) and number % self.every == 0
        return self.says if fits else None


@dataclass(frozen=True, slots=True)
class Greylist:
    """Sender and recipient that were not seen before must come again after `seconds` (RFC 6647)."""

    seconds: float
    says: Answer = "450 4.2.0 Recipient address rejected: Greylisted, please come again later"

    def answer(self, moment: Moment) -> Answer | None:
        if moment.step != RCPT:
            return None
        pair = (self, moment.sender.lower(), moment.address.lower())
        return self.says if moment.history.since_first(pair, moment.now) < self.seconds else None


@dataclass(frozen=True, slots=True)
class Quota:
    """So many mails within so many seconds, by all connections together; what is above is answered at `step`."""

    mails: int
    seconds: float
    says: Answer
    step: str = MAIL

    def answer(self, moment: Moment) -> Answer | None:
        if moment.step != self.step:
            return None
        return None if moment.history.admit(self, moment.now, self.mails, self.seconds) else self.says


@dataclass(frozen=True, slots=True)
class MailsALine:
    """So many mails over one connection, then it is told to come with a new one."""

    mails: int
    says: Answer = Say("421 4.7.0 Too many mails over this connection, try again", closes=True)

    def answer(self, moment: Moment) -> Answer | None:
        return self.says if moment.step == MAIL and moment.taken >= self.mails else None


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many connections at once; those that come above are answered at `step` as long as they stay."""

    most: int
    says: Answer
    step: str = BANNER

    def answer(self, moment: Moment) -> Answer | None:
        return self.says if moment.step == self.step and moment.place > self.most else None


@dataclass(frozen=True, slots=True)
class EveryRecipient:
    """Each so many-th address, in the order in which they came first, gets this answer whenever it comes."""

    nth: int
    says: Answer
    step: str = RCPT

    def answer(self, moment: Moment) -> Answer | None:
        if moment.step != self.step:
            return None
        return self.says if moment.history.number(self, moment.address) % self.nth == 0 else None


@dataclass(frozen=True, slots=True)
class NotFor:
    """Recipients outside of these domains are refused."""

    domains: tuple[str, ...]
    says: Answer
    step: str = RCPT

    def answer(self, moment: Moment) -> Answer | None:
        if moment.step != self.step:
            return None
        return None if moment.address.rpartition("@")[2].lower() in self.domains else self.says


@dataclass(frozen=True, slots=True)
class Between:
    """From `begin` to `end`, in seconds since the server began, each step of the kind is answered so."""

    begin: float
    end: float
    says: Answer
    step: str = BANNER

    def answer(self, moment: Moment) -> Answer | None:
        return self.says if moment.step == self.step and self.begin <= moment.now < self.end else None
