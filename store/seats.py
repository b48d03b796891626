"""Which seat each booking of a chunk gets: the lowest free one, as if they were booked one after the other.

How many places are free is the ledger's; that no seat is held twice is held by the database's unique indexes.
"""

from bisect import insort
from collections import Counter, defaultdict
from typing import NamedTuple

from store import bulk
from store.database import Database, fetch

# One index step per seat: numbering all free seats of a slot would read each of them for every chunk.
_LOWEST_FREE = (
    "SELECT t.number FROM seat t WHERE t.slot_id = {slot} AND t.number > {above}"
    " AND NOT EXISTS (SELECT 1 FROM interview_schedule h WHERE h.seat_id = t.id) ORDER BY t.number LIMIT 1"
)


class Seat(NamedTuple):
    """One seat of a slot; lower numbers are given out first."""

    number: int
    id: int


class FreeSeats:
    """The free seats of some slots, by slot id, changed in memory as bookings take and leave them."""

    def __init__(self, db: Database, wanted: Counter[int]):
        """Reads, of each slot in `wanted`, as many of the lowest free seats as it says, or all if there are fewer."""
        self._free: defaultdict[int, list[Seat]] = defaultdict(list)
        for slot_id, number, seat_id in _lowest_free(db, wanted) if wanted else ():
            self._free[slot_id].append(Seat(number, seat_id))

    def add(self, slot_id: int, seats: list[Seat]) -> None:
        """Seats made now; their numbers are above all others of the slot."""
        self._free[slot_id] += seats

    def remove_highest(self, slot_id: int, count: int) -> list[Seat]:
        """Takes the highest free seats out. All free seats of the slot must have been read."""
        return [self._free[slot_id].pop() for _ in range(count)]

    def leave(self, slot_id: int, seat: Seat) -> None:
        """A seat becomes free."""
        insort(self._free[slot_id], seat)

    def take(self, slot_id: int) -> Seat:
        """The lowest free seat, no longer free."""
        return self._free[slot_id].pop(0)


def _lowest_free(db: Database, wanted: Counter[int]) -> list[tuple[int, int, int]]:
    relation, parameters = bulk.relation(db, {"slot_id": "bigint", "wanted": "bigint"}, list(wanted.items()))
    first = _LOWEST_FREE.format(slot="w.slot_id", above="0")
    following = _LOWEST_FREE.format(slot="f.slot_id", above="f.number")
    sql = (
        f"WITH RECURSIVE found (slot_id, wanted, number) AS (SELECT w.slot_id, w.wanted, ({first}) FROM {relation} w"
        f" UNION ALL SELECT f.slot_id, f.wanted - 1, ({following}) FROM found f WHERE f.wanted > 1 AND f.number IS NOT NULL)"
        " SELECT t.slot_id, t.number, t.id FROM found f JOIN seat t ON t.slot_id = f.slot_id AND t.number = f.number"
        " ORDER BY t.slot_id, t.number"
    )
    return fetch(db, sql, parameters)
