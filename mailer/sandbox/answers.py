"""What the scripted server can answer with; what makes it answer so is in `rules`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Words, `wait` seconds late, with `gap` seconds between their bytes; then the line is closed, if it `closes`.

    The words are one reply with its code, or whatever nonsense is wanted; several lines are parted by CRLF.
    """

    text: str
    wait: float = 0.0
    gap: float = 0.0
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """The line is closed without a word. After the final dot the mail was taken before, if the answer `keeps` it."""

    keeps: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing more is said, and the line stays open. After the final dot the mail was taken, if it `keeps` it."""

    keeps: bool = True


@dataclass(frozen=True, slots=True)
class Endless:
    """The same line again and again, until the other side goes away."""

    line: str


Answer = str | Say | Drop | Silence | Endless
"""Plain words are said at once."""


def words_of(answer: Answer) -> str:
    """The reply that an answer makes, empty where it makes none."""
    if isinstance(answer, str):
        return answer
    return answer.text if isinstance(answer, Say) else ""


def takes_mail(answer: Answer) -> bool:
    """Whether a mail that is answered so after its final dot has been taken, whatever the client gets to know."""
    if isinstance(answer, Drop | Silence):
        return answer.keeps
    return words_of(answer).startswith("250")
