"""What one file says as a whole: the same interview twice, and the capacity it gives each slot."""

from store import rules
from store.ledger import Ledger, job_identity
from store.requests import BookingRequest
from store.rules import Decision


class FileScope:
    """Remembers each interview's first line and each slot's capacity, as 64-bit hashes: 200 MB for a million rows."""

    def __init__(self) -> None:
        self._first_lines: dict[int, int] = {}
        self._capacities: dict[int, tuple[int, int]] = {}

    def decide(self, request: BookingRequest, ledger: Ledger, now: float) -> tuple[Decision, int | None]:
        """The decision for a row, the file's own rules first; and the capacity that the file gives its slot."""
        job = job_identity(request.company_name, request.job_title)
        first = self._first_lines.setdefault(hash((request.address, job, request.round)), request.line)
        slot_hash = hash((job, request.starts_at, request.ends_at))
        declared, line = self._capacities.get(slot_hash, (None, 0))
        if line > request.line:
            # Declared further down by a chunk that the database refused: decided again, a row must not look ahead.
            declared = None
        if first != request.line:
            return self._refused(request, ledger, "duplicate_in_file", {"other": first}), declared
        if request.capacity is not None and declared is None:
            declared = request.capacity
            self._capacities[slot_hash] = (declared, request.line)
        elif request.capacity is not None and declared != request.capacity:
            return self._refused(request, ledger, "capacity_conflict", {"other": line, "capacity": declared}), declared
        return rules.decide(request, ledger, now, declared), declared

    @staticmethod
    def _refused(request: BookingRequest, ledger: Ledger, code: str, data: dict[str, object]) -> Decision:
        return Decision(rules.REFUSE, ledger.slot_of(request), ledger.standing_of(request), code, data)
