"""What one mail will say: a snapshot taken when it is booked, kept in the outbox, so that a re-send says the same."""

import json
from dataclasses import dataclass
from datetime import datetime

from store import times

INVITATION, RESCHEDULED, CANCELLED = "invitation", "rescheduled", "cancelled"
KINDS = (INVITATION, RESCHEDULED, CANCELLED)
ALERT = "alert"
"""The kind of a mail to ops: about a job, with no interview and with facts of its own (`store.alerts`)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One mail's content. Instants are aware UTC; opens_before and closes_after are minutes.

    `recipient` is the one envelope address, as the candidate wrote it. `timezone` is the zone the interview was
    booked in; `candidate_timezone` is empty when not known. `previous_starts_at` is set for a rescheduled one.
    """

    kind: str
    candidate_name: str
    recipient: str
    job_title: str
    company_name: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    candidate_timezone: str
    opens_before: int
    closes_after: int
    booking_notes: str
    reference: str
    round: int
    calendar_uid: str
    sequence: int
    previous_starts_at: datetime | None = None

    def in_json_form(self) -> dict[str, object]:
        """The outbox's form: the fields by name, instants as epoch seconds."""
        data = {name: getattr(self, name) for name in self.__slots__}
        for name in _INSTANTS:
            data[name] = None if data[name] is None else times.epoch(data[name])
        return data

    def to_json(self) -> str:
        return json.dumps(self.in_json_form(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Facts":
        data = json.loads(text)
        for name in _INSTANTS:
            data[name] = None if data[name] is None else times.from_epoch(data[name])
        return cls(**data)


_INSTANTS = ("starts_at", "ends_at", "previous_starts_at")


@dataclass(frozen=True, slots=True)
class HandOver:
    """What is fixed when a mail is first handed to a server, so that every later attempt has the same bytes."""

    date: datetime
    from_address: str
    from_name: str
    backend_url: str

    def to_json(self) -> str:
        return json.dumps({"date": times.epoch(self.date), "from_address": self.from_address,
                           "from_name": self.from_name, "backend_url": self.backend_url}, separators=(",", ":"))  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> "HandOver":
        data = json.loads(text)
        return cls(**{**data, "date": times.from_epoch(data["date"])})
