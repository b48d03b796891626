"""What a rule of the scripted server is asked about, and what it may know of the past."""

import threading
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass

BANNER, EHLO, STARTTLS, HANDSHAKE, AUTH = "BANNER", "EHLO", "STARTTLS", "HANDSHAKE", "AUTH"
MAIL, RCPT, DATA, CONTENT, DOT = "MAIL", "RCPT", "DATA", "CONTENT", "."


class History:
    """What has happened at one server, shared by its connections. Its answers count what they are asked about.

    A key is anything that names a count; rules use themselves, so that no two share one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Hashable, int] = defaultdict(int)
        self._firsts: dict[Hashable, float] = {}
        self._admitted: dict[Hashable, deque[float]] = defaultdict(deque)
        self._numbers: dict[Hashable, dict[str, int]] = defaultdict(dict)

    def count(self, key: Hashable) -> int:
        """How often this was asked, this time included."""
        with self._lock:
            self._counts[key] += 1
            return self._counts[key]

    def since_first(self, key: Hashable, now: float) -> float:
        """Seconds since this was asked for the first time."""
        with self._lock:
            return now - self._firsts.setdefault(key, now)

    def admit(self, key: Hashable, now: float, most: int, seconds: float) -> bool:
        """Whether one more fits into the last `seconds`, which hold `most`; only those that fit are counted."""
        with self._lock:
            admitted = self._admitted[key]
            while admitted and admitted[0] <= now - seconds:
                admitted.popleft()
            if len(admitted) >= most:
                return False
            admitted.append(now)
            return True

    def number(self, key: Hashable, name: str) -> int:
        """Which name this is in the order in which they came, from 1; the same name keeps its number."""
        with self._lock:
            numbers = self._numbers[key]
            return numbers.setdefault(name.lower(), len(numbers) + 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of a conversation that is to be answered.

    `step` is BANNER, a command's verb, HANDSHAKE (TLS is about to begin), CONTENT (some of a mail has come) or "."
    (its final dot has come). `argument` is the rest of the command, at CONTENT the bytes so far, at the dot the
    recipients. `count` says how often the step came at this server, from 1. `now` is seconds since the server began.
    `place` is how many lines were open when this one came, itself included; `taken` are its mails so far.
    """

    step: str
    argument: str
    count: int
    now: float
    place: int
    taken: int
    sender: str
    history: History

    @property
    def address(self) -> str:
        """The address of a MAIL or RCPT command; at the final dot the recipient."""
        return self.argument if self.step == DOT else self.argument.partition("<")[2].partition(">")[0]
