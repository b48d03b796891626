"""A text on its way to become an answer: made ready to be stored, and held against the answer that is there. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

from store import answer_copies, times
from store.errors import AnswerRefused
from store.recordings import LIMIT_GRACE

TEXT_LENGTH = 20_000
"""Characters of an answer."""

SHORTENED_FROM = 200
"""A text of so many characters is kept when its own page cuts it to less than half."""

_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Saved:
    """The answer's revision, from 1, and when its text was saved (aware UTC)."""

    revision: int
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What a page asks to be saved. `text` is ready to be stored, or the refusal of what cannot be."""

    number: int
    page: str
    sequence: int
    base_revision: int
    text: str | AnswerRefused
    now: datetime

    @property
    def at(self) -> float:
        """Now in epoch seconds."""
        return times.epoch(self.now)


@dataclass(frozen=True, slots=True)
class Current:
    """A question of the session and its answer; without one, revision and sequence are 0. Instants are epoch seconds."""

    time_limit_seconds: int | None
    opened_at: float | None
    revision: int
    text: str
    page: str | None
    sequence: int
    saved_at: float | None

    @property
    def saved(self) -> Saved:
        """The answer that is there; there must be one."""
        return Saved(self.revision, times.from_epoch(self.saved_at))

    @property
    def is_unopened(self) -> bool:
        """Whether the question has a time of its own that does not run yet: no page can have shown it."""
        return self.time_limit_seconds is not None and self.opened_at is None

    def is_closed(self, at: float) -> bool:
        """Whether the question's own time is over, with LIMIT_GRACE for a slow network."""
        if self.opened_at is None or self.time_limit_seconds is None:
            return False
        return at >= self.opened_at + self.time_limit_seconds + LIMIT_GRACE.total_seconds()

    def has(self, draft: Draft) -> bool:
        """Whether the draft, or a later one of its page, is the answer already: its reply was lost on the way."""
        return self.page == draft.page and draft.sequence <= self.sequence

    def conflicts_with(self, draft: Draft) -> bool:
        """Whether the draft would replace another page's text that its page did not know."""
        is_others = self.page not in (None, draft.page)
        return is_others and draft.base_revision != self.revision and draft.text != self.text

    def reason_to_keep(self, draft: Draft) -> str:
        """Why the text is kept as a copy when the draft replaces it; "" where the page only goes on writing."""
        if self.page != draft.page:
            return answer_copies.REPLACED
        if len(self.text) >= SHORTENED_FROM and len(draft.text) * 2 < len(self.text):
            return answer_copies.SHORTENED
        is_known = draft.base_revision >= self.revision or draft.text.startswith(self.text)
        return "" if is_known else answer_copies.REPLACED


def ready(text: str) -> str | AnswerRefused:
    """The text with LF for every line break and without control characters but tabs; or why it cannot be stored.

    The refusals are text_too_long and text_unreadable (half of a surrogate pair).
    """
    text = _CONTROL.sub("", _LINE_BREAK.sub("\n", text))
    if len(text) > TEXT_LENGTH:
        fix = f"shorten it to {TEXT_LENGTH} characters."
        return AnswerRefused("text_too_long", f"The answer has {len(text)} characters.", fix)
    try:
        text.encode()
    except UnicodeEncodeError:
        fix = "remove the sign that is shown as a box or a question mark."
        return AnswerRefused("text_unreadable", "The answer holds half of a character.", fix)
    return text
