"""What can be decided about a failure, and the form of a known one. The known ones are in the two tables of replies."""

import re
from dataclasses import dataclass, field

from mailer.errors import Failure

LATER, NEVER, PAUSE, UNKNOWN = "later", "never", "pause", "unknown"
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failure.

    `decision` is later (try again after a growing pause), never (not for this recipient), pause (stop the account
    until someone acts) or unknown (it may have arrived). `pause_seconds` is the least wait before another try.
    """

    decision: str
    cause: str
    fix: str
    pause_seconds: int
    signature_id: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A failure that is known: every condition given must hold. Expressions are searched without regard to case."""

    id: str
    decision: str
    cause: str
    fix: str
    code: str = ""
    enhanced: str = ""
    words: str = ""
    provider: str = ""
    phases: tuple[str, ...] = ()
    kind: str = "reply"
    ports: tuple[int, ...] = ()
    security: tuple[str, ...] = ()
    pause: int = 0
    _patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts = (self.code, self.enhanced, self.words)
        object.__setattr__(self, "_patterns", tuple(re.compile(text, re.IGNORECASE) for text in texts))

    def matches(self, failure: Failure, provider: str) -> bool:
        """Whether the failure is this one; `provider` is the name of whoever answered."""
        code, enhanced, words = self._patterns
        return (
            self.kind == failure.kind
            and self.provider in ("", provider)
            and (not self.phases or failure.phase in self.phases)
            and (not self.ports or failure.port in self.ports)
            and (not self.security or failure.security in self.security)
            and (not self.code or code.fullmatch(str(failure.code)) is not None)
            and (not self.enhanced or enhanced.fullmatch(failure.enhanced) is not None)
            and words.search(failure.text) is not None
        )

    def verdict(self) -> Verdict:
        return Verdict(self.decision, self.cause, self.fix, self.pause, self.id)
