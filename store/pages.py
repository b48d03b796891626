"""How much of a long list is read at once, whatever it lists: so many rows with ids above the last one of before."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from store.errors import StoreError
from store.ids import is_id

ROWS, MOST_ROWS = 100, 500
"""Of one page: where nothing is asked for, and at most."""


class Numbered(Protocol):
    """A row of a list that is read in the order of its ids."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the id after which the next page begins: None where nothing follows."""

    rows: list[Row]
    next_after: int | None


def cut(found: Iterable[Row], limit: int) -> Page[Row]:
    """The page of at most `limit` rows, given one row more if there is one: only that shows what follows."""
    rows = list(found)
    has_more = len(rows) > limit
    return Page(rows[:limit], rows[limit - 1].id if has_more else None)


class PageRefused(StoreError):
    """A page that cannot be read; `field` names the part of it, `code` the rule."""

    def __init__(self, field: str, message: str, fix: str):
        super().__init__(message, fix)
        self.code, self.field = "value_range", field


def check(after: int, limit: int) -> None:
    """Raises PageRefused for a start that is neither an id nor 0, and for a limit that is out of range."""
    if after != 0 and not is_id(after):
        raise PageRefused("after", "after is no id.", "give the last id of the page before, or 0.")
    if not is_id(limit) or limit > MOST_ROWS:
        raise PageRefused("limit", "limit is out of range.", f"give a whole number from 1 to {MOST_ROWS}.")
