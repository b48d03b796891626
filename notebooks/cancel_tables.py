"""What is to be cancelled and what became of it, as tables that ops staff read."""

from collections.abc import Sequence

from IPython.display import HTML

from notebooks import tables
from notebooks.cancel_steps import LISTED, Cancelling, Wanted
from notebooks.mailing_steps import Mailing
from store.cancel_batches import REFUSED, Row
from store.cancellations import Appointment
from store.redaction import masked_address
from store.sessions import interview_code

SHOWN_ROWS = 100


def found(rows: Sequence[Row], asked: Wanted, ahead: Sequence[Appointment]) -> HTML:
    """What cancelling would do to what was named; where nothing was, what could be."""
    if asked.named is None:
        return _ahead(ahead)
    title = f"{tables.counted(len(rows), 'interview')} {f'of {asked.source}' if asked.source else 'named'}"
    return _rows(rows, title)


def _ahead(ahead: Sequence[Appointment]) -> HTML:
    if not ahead:
        return tables.as_text("<p>Nothing was named, and no interview is ahead.</p>")
    shown = [
        {"interview": interview_code(one.interview_id), "candidate": masked_address(one.email), **_booked(one)}
        for one in ahead
    ]
    cut = "the next " if len(ahead) >= LISTED else ""
    return tables.table(shown, f"Nothing was named; ahead: {cut}{tables.counted(len(ahead), 'interview')}", SHOWN_ROWS)


def cancelled(done: Cancelling) -> HTML:
    """What became of each; those that need someone come first."""
    if done.not_done:
        return tables.as_text(f"<p>{done.not_done}</p>")
    return _rows(done.rows, tables.counted(len(done.rows), "interview"))


def mailing(mailed: Mailing, done: Cancelling) -> HTML:
    """The delivery of the cancellations' mails."""
    return tables.as_text(f"<p>{done.not_done}</p>") if done.not_done else tables.mailing(mailed, dry_run=False)


def _rows(rows: Sequence[Row], title: str) -> HTML:
    ordered = sorted(rows, key=lambda row: row.outcome != REFUSED)
    shown = [
        {"line": row.line or "", "outcome": row.outcome, "reason": row.code, "column": row.column,
         "interview": interview_code(row.interview_id) if row.interview_id else "", "candidate": row.who,
         **_booked(row.about), "what": row.message, "To fix": row.fix}
        for row in ordered
    ]  # fmt: skip
    order = ", those that need someone first" if any(row.outcome == REFUSED for row in rows) else ""
    return tables.table(shown, title + order, SHOWN_ROWS)


def _booked(one: Appointment | None) -> dict[str, object]:
    return {
        "job": f"{one.job_title}, {one.company_name}" if one else "",
        "round": one.round if one else "",
        "start": tables.when({"started_at": one.starts_at, "timezone": one.timezone}) if one else "",
    }
