"""The steps of cancel_interviews.ipynb, a function a cell: what is named and may be cancelled, cancelling and mails."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from notebooks import counts, mailing_steps
from notebooks.mailing_steps import Mailing
from notebooks.opened_run import Run
from notebooks.progress import bar
from notebooks.stopping import JobFailed, telling
from notebooks.tables import counted
from store import cancel_batches, cancel_file, cancellations, history, sample, times
from store.cancel_batches import CANCEL, CANCELLED, REFUSED, UNCHANGED, Row
from store.cancel_file import Named
from store.cancellations import Appointment
from store.errors import Finding, SettingsError
from store.ids import is_id
from store.plain_text import quoted
from store.requests import RowFault
from store.sessions import interview_code

LISTED = 500
"""So many of the interviews ahead are listed where none was named."""
_CODE = re.compile(r"(?:IV-)?([1-9]\d{0,18})", re.ASCII | re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be cancelled, and the file's name; `named` is None where nothing is."""

    named: Sequence[Named | RowFault] | None
    source: str = ""


@telling
def wanted(run: Run, interviews: str, cancel_csv: str, *, dry_run: bool) -> Wanted:
    """What codes or file name. Raises SettingsWrong for both at once, for none in earnest, and for what is no code."""
    codes, path = interviews.strip(), cancel_csv.strip()
    if codes and path:
        what, fix = "interviews and cancel_csv are both given.", "give one of them, and run this again for the other."
        raise SettingsError([Finding("parameters.cancel_csv", what, fix)])
    if path:
        # The sample is booked with dates counted from today, so it is cancelled with them.
        file = sample.with_real_dates(path, Path("var/sample"), times.now().date())
        return Wanted(cancel_file.read(file, run.settings), file.name)
    if codes:
        return Wanted([Named(interview_id=one) for one in _ids(codes)])
    if not dry_run:
        fix = "give interviews (IV-12, IV-15) or cancel_csv (the file that was booked), or set dry_run to True."
        raise SettingsError([Finding("parameters.interviews", "Nothing is named that is to be cancelled.", fix)])
    return Wanted(None)


def _ids(codes: str) -> list[int]:
    """The interviews' ids, each once, in order. Raises SettingsError with everything that is no code."""
    parts = [part for part in _BETWEEN.split(codes) if part]
    found = {part: _CODE.fullmatch(part) for part in parts}
    wrong = [part for part, code in found.items() if not (code and is_id(int(code[1])))]
    if wrong:
        fix = "write codes as the tables and the candidate's page show them, such as IV-12, with commas between them."
        raise SettingsError([
            Finding("parameters.interviews", f"{quoted(part)} is no interview's code.", fix) for part in wrong
        ])  # fmt: skip
    return list(dict.fromkeys(int(code[1]) for code in found.values()))


@telling
def find(run: Run, asked: Wanted) -> list[Row]:
    """What cancelling would do to each interview that was named, as the record is now; nothing is written."""
    return [] if asked.named is None else cancel_batches.plan(run.db, asked.named, times.now())


@telling
def ahead(run: Run, asked: Wanted) -> list[Appointment]:
    """The interviews that could be named, the next ones first, at most LISTED; none where some were named."""
    return cancellations.ahead(run.db, times.epoch(times.now()), LISTED) if asked.named is None else []


@dataclass(slots=True)
class Cancelling:
    """What became of each interview that was named. `not_done` says why nothing was even tried; else it is empty."""

    rows: list[Row]
    not_done: str = ""


@telling
def cancel(run: Run, asked: Wanted, found: list[Row], *, dry_run: bool, allow_refused: bool) -> Cancelling:
    """Cancels what may be, each interview together with its mail; nothing if one is refused, unless that is allowed."""
    if dry_run:
        return Cancelling(found, "A dry run cancels and mails nothing.")
    if _refused(found) and not allow_refused:
        return Cancelling(found, "Nothing is cancelled or mailed, for not everything that was named can be.")
    with bar("cancelling", len(asked.named)) as progress:
        given = {"settings": run.settings, "clock": times.now, "progress": progress}
        return Cancelling(cancel_batches.cancel(run.db, asked.named, **given))


@telling
def deliver(run: Run, done: Cancelling, *, deliver_mail: bool) -> Mailing:
    """Sends what is queued, if anything was cancelled, now or before."""
    ids = [row.interview_id for row in done.rows if row.outcome in (CANCELLED, UNCHANGED)]
    newest = partial(history.newest_mails, run.db, list(dict.fromkeys(ids)))
    return mailing_steps.deliver(run, newest, dry_run=bool(done.not_done), deliver_mail=deliver_mail, trace=True)


def _refused(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.outcome == REFUSED]


def verdict(asked: Wanted, done: Cancelling, mailing: Mailing, *, allow_refused: bool) -> str:
    """One sentence for a run that did what it was asked to. Raises JobFailed with every reason otherwise."""
    outcomes = Counter(row.outcome for row in done.rows)
    counts.tell(interviews=len(done.rows), **outcomes, mails_sent=mailing.report.sent)
    if asked.named is None:
        return "Done: nothing was named, so nothing is cancelled. To cancel, set interviews or cancel_csv."
    reasons = [*_refusal_reasons(asked, done, allow_refused), *mailing_steps.reasons(mailing)]
    if reasons:
        raise JobFailed("\n".join(reasons))
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    if done.not_done:
        would = f"{outcomes[CANCEL]} would be cancelled" if outcomes[CANCEL] else "nothing is left to cancel"
        return f"Done: a dry run, nothing is cancelled ({told}); {would}. To cancel, set dry_run to False."
    return f"Done: {told}; {counted(mailing.report.sent, 'mail')} sent now."


def _refusal_reasons(asked: Wanted, done: Cancelling, allow_refused: bool) -> Iterator[str]:
    refused = _refused(done.rows)
    if refused and not allow_refused:
        count = mailing_steps.counted(refused, "interview")
        nothing = ", so that nothing is cancelled" if done.not_done else " and not cancelled"
        which = "it" if len(refused) == 1 else "them"
        where = f"in {asked.source}" if asked.source else "in interviews"
        named = ", ".join(_named(row) for row in refused[: mailing_steps.NAMED_AT_MOST])
        yield (
            f"{count} refused{nothing}: {named}{_more(refused)}."
            f" To fix: correct {which} {where} as the table says, or set allow_refused to True to cancel the others."
        )


def _named(row: Row) -> str:
    place = f"line {row.line}" if row.line else interview_code(row.interview_id)
    return f"{place} ({row.code})"


def _more(refused: Sequence[Row]) -> str:
    more = len(refused) - mailing_steps.NAMED_AT_MOST
    return f" and {more} more" if more > 0 else ""
