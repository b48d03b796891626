"""The booking rules, pure: what a request may do, given what is known. Reads and writes nothing."""

from dataclasses import dataclass

from store.ledger import Ledger, Slot, Standing
from store.requests import BookingRequest

CREATE, MOVE, UNCHANGED, REFUSE = "create", "move", "unchanged", "refuse"

REFUSALS = {
    "duplicate_in_file": (
        "The same candidate, job and round stand on line {other}.",
        "keep one of the two rows, or give the second another round."),
    "capacity_conflict": (
        "Line {other} gives this slot a capacity of {capacity}.", "write the same capacity in all rows of one slot."),
    "slot_cancelled": ("The slot is cancelled.", "choose another slot."),
    "slot_past": ("The slot has begun or is over.", "choose a start that is still ahead."),
    "interview_completed": ("The interview is completed.", "book another round."),
    "candidate_busy": (
        "The candidate has another interview at that time ({other}).", "choose a time that does not overlap it."),
    "capacity_below_booked": (
        "The slot has {booked} bookings, more than the capacity of {capacity} asked for.",
        "move bookings away first, or keep the capacity."),
    "slot_full": ("All {capacity} places of the slot are taken.", "choose another slot, or raise its capacity."),
    "interview_started": ("The interview has begun and does not move.", "book another round."),
    "not_booked": ("The interview is cancelled and cannot be moved.", "book it again."),
    "plan_changed": (
        "The plan said {planned}; now it would be {now}.",
        "make a new plan (dry run) and look at it before applying."),
}  # fmt: skip
"""Code → what is said and what to do; the braces are filled from the refusal's data."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request: CREATE, MOVE, UNCHANGED or REFUSE with a code and the data of its words."""

    action: str
    slot: Slot
    standing: Standing | None = None
    code: str = ""
    data: dict[str, object] | None = None

    def words(self) -> tuple[str, str]:
        """Message and fix of a refusal; two empty strings otherwise."""
        return refusal_words(self.code, self.data or {}) if self.code else ("", "")


def refusal_words(code: str, data: dict[str, object]) -> tuple[str, str]:
    message, fix = REFUSALS[code]
    return message.format(**data), fix


def decide(request: BookingRequest, ledger: Ledger, now: float, declared: int | None) -> Decision:
    """Applies the rules in their order: unchanged, cancelled or past slot, completed, busy, full, begun.

    `now` is epoch seconds; `declared` the capacity that this call or file asks for the slot, None if it says nothing.
    """
    slot = ledger.slot_of(request)
    standing = ledger.standing_of(request)
    if standing is not None and standing.slot is slot:
        return Decision(UNCHANGED, slot, standing)
    code, data = _refusal(slot, standing, ledger.overlapping(request), now, declared)
    if code:
        return Decision(REFUSE, slot, standing, code, data)
    return Decision(MOVE if standing is not None and standing.slot is not None else CREATE, slot, standing)


def _refusal(
    slot: Slot, standing: Standing | None, busy: Standing | None, now: float, declared: int | None
) -> tuple[str, dict]:
    capacity = declared or slot.capacity or 1
    if slot.state == "cancelled":
        return "slot_cancelled", {}
    if slot.starts_at <= now:
        return "slot_past", {}
    if standing is not None and standing.is_completed(now):
        return "interview_completed", {}
    if busy is not None:
        return "candidate_busy", {"other": busy.job.title}
    if capacity < slot.booked:
        return "capacity_below_booked", {"booked": slot.booked, "capacity": capacity}
    if capacity == slot.booked:
        return "slot_full", {"capacity": capacity}
    if standing is not None and standing.begun_at is not None:
        return "interview_started", {}
    return "", {}
