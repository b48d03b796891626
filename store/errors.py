"""The record's refusals. Each carries data; the words for people are made from it at the edge."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wrong in the settings: a stable id, what is wrong, and what to do."""

    id: str
    what: str
    fix: str

    def line(self) -> str:
        return f"[{self.id}] {self.what} To fix: {self.fix}"


class Refusal(Exception):
    """What the bases of all packages share. `fix` says in one line what the person reading must do.

    `findings` are there where several things may be wrong.
    """

    fix: str = ""
    findings: Sequence[Finding] = ()

    def __init__(self, message: str, fix: str = ""):
        super().__init__(message)
        self.fix = fix or self.fix

    def line(self) -> str:
        """One line for people: what is wrong, then what to do."""
        return f"{self} To fix: {self.fix}" if self.fix else str(self)

    def lines(self) -> list[str]:
        """The same, a line for each thing that is wrong."""
        return [finding.line() for finding in self.findings] or [self.line()]


class StoreError(Refusal):
    """Base of all refusals of the record."""


class SettingsError(StoreError):
    """The settings cannot be used. `findings` holds every problem, found in one pass."""

    def __init__(self, findings: Iterable[Finding]):
        self.findings = list(findings)
        super().__init__("; ".join(self.lines()))


class DatabaseUnusable(StoreError):
    """The database cannot be opened, read or written: wrong address, locked, full, or not a database."""


class KeyRingUnusable(StoreError):
    """The key ring is missing, unreadable, or not the one this database's links were made with."""


class FileRefused(StoreError):
    """The whole candidates file is refused; nothing of it was booked. `place` says where (line, byte or column)."""

    def __init__(self, code: str, message: str, fix: str, place: str = ""):
        super().__init__(message, fix)
        self.code, self.place = code, place


class TimeRefused(StoreError):
    """A local time that cannot be used; `code` says why and the message shows both readings where there are two."""

    def __init__(self, code: str, message: str, fix: str):
        super().__init__(message, fix)
        self.code = code


class BookingRefused(StoreError):
    """One booking, move or cancel was refused by a rule; nothing was changed.

    `code` is the rule's name (slot_past, slot_full, candidate_busy, ...), `field` the input it is about.
    """

    def __init__(self, code: str, message: str, fix: str = "", field: str = ""):
        super().__init__(message, fix)
        self.code, self.field = code, field


class NotFound(StoreError):
    """A named thing does not exist. `field` names the parameter that held its id."""

    def __init__(self, field: str, value: object):
        super().__init__(f"{field}: nothing with the id {value!r} exists.", f"give an existing {field}.")
        self.field, self.value = field, value


class UnknownKey(StoreError):
    """A session_key that opens nothing; every reason (malformed, unknown, revoked) looks the same."""

    def __init__(self) -> None:
        super().__init__("This link is not known.")


class NotAdmitted(StoreError):
    """The access window does not let the candidate begin now. `state` is the window's state, `opens_at` when it opens."""

    def __init__(self, state: str, opens_at=None):
        super().__init__(f"The interview cannot be started now: it is {state}.")
        self.state, self.opens_at = state, opens_at


class AnswerRefused(StoreError):
    """Nothing was done to an answer or its interview. `code` says why, `data` what the page needs to go on.

    Codes: not_running (the access window's `state`), taken_over, conflict (the answer as it is), question_closed,
    question_unknown, text_too_long, text_unreadable, wrong_offset (`size`), recording_too_large, recording_type,
    recording_closed, take_invalid.
    """

    def __init__(self, code: str, message: str, fix: str = "", **data: object):
        super().__init__(message, fix)
        self.code, self.data = code, data


class RecordingsUnusable(StoreError):
    """The folder of recordings cannot be written or read: full, forbidden, or not what the record says. Nothing is lost
    of what was saved before; the page may send the same bytes again when it is repaired.
    """


class EvaluationRefused(StoreError):
    """An evaluation that is not taken: `field` names the part, `code` the rule."""

    def __init__(self, code: str, message: str, fix: str, field: str):
        super().__init__(message, fix)
        self.code, self.field = code, field
