"""Results as tables that ops staff read. Cells are text that others wrote, so they are escaped, never markup."""

import html
from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML

from mailer.delivery import DeliveryReport
from mailer.proof import ProofReport
from notebooks.batch_steps import Mailing
from store import batch_rows, times
from store.batches import BatchReport
from store.database import Database
from store.debuglog import LogSummary
from store.history import MailRow

SHOWN_ROWS = 25
_LEFT = "<style>table.interviews td, table.interviews th {text-align: left !important; vertical-align: top}</style>"
_NEEDS_ACTION = ("refused", "failed", "refuse")


def table(rows: Sequence[dict[str, object]], caption: str = "", limit: int = SHOWN_ROWS) -> HTML:
    """The first `limit` rows as an HTML table, with a line that says how many are not shown."""
    if not rows:
        return HTML(f"<p>{html.escape(caption)}: none.</p>" if caption else "<p>None.</p>")
    frame = pd.DataFrame(rows[:limit]).fillna("").astype(str)
    # A column that says nothing in any row is only in the way.
    frame = frame.loc[:, (frame != "").any()]
    with pd.option_context("display.max_colwidth", None):
        body = frame.to_html(index=False, escape=True, border=0, justify="left", classes="interviews")
    more = f"<p>... and {len(rows) - limit} more.</p>" if len(rows) > limit else ""
    head = f"<p><b>{html.escape(caption)}</b></p>" if caption else ""
    return HTML(_LEFT + head + body + more)


def when(row: dict[str, object]) -> str:
    """A row's start in the zone it was booked in; nothing where there is none."""
    if row["started_at"] is None:
        return ""
    start, zone = times.from_epoch(row["started_at"]), row["timezone"]
    return f"{times.iso_date(start, zone)} {times.time_words(start, zone)}"


def counts(report: BatchReport) -> HTML:
    """How many rows there are of each outcome, and of each reason of refusal."""
    rows = [{"rows": count, "outcome": outcome, "reason": ""} for outcome, count in report.outcomes.most_common()]
    rows += [{"rows": count, "outcome": "", "reason": code} for code, count in report.codes.most_common()]
    return table(rows, f"{report.rows} rows of {report.source}")


def batch(db: Database, report: BatchReport, limit: int = SHOWN_ROWS) -> HTML:
    """The batch's rows, those that need someone first."""
    rows = sorted(
        batch_rows.read(db, report.batch_id), key=lambda row: (row["outcome"] not in _NEEDS_ACTION, row["line"])
    )
    shown = [
        {"line": row["line"], "outcome": row["outcome"], "reason": row["code"] or "", "column": row["column"] or "",
         "candidate": row["who"] or "", "job": row["job_title"] or "", "start": when(row),
         "what": row["message"] or "", "To fix": row["fix"] or ""}
        for row in rows
    ]  # fmt: skip
    return table(shown, f"Batch {report.batch_id}, rows that need someone first", limit)


def mails(rows: Sequence[MailRow], limit: int = SHOWN_ROWS) -> HTML:
    """The newest mail of each interview, troubles first."""
    shown = [
        {"interview": row.interview_id, "candidate": row.who, "mail": row.kind, "state": row.state, "tries": row.attempts,
         "next try": times.iso(row.next_at) if row.next_at else "", "server said": row.reply, "To fix": row.fix}
        for row in sorted(rows, key=lambda row: (row.state == "sent", row.interview_id))
    ]  # fmt: skip
    return table(shown, f"{len(rows)} mails", limit)


def mailing(done: Mailing, *, dry_run: bool) -> HTML:
    """The delivery: what is wrong with the settings, what the run did, and each mail."""
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in done.notes)
    if dry_run:
        return HTML(notes + "<p>A dry run mails nothing.</p>")
    findings = [
        {"setting": finding.id, "what is wrong": finding.what, "To fix": finding.fix} for finding in done.findings
    ]
    wrong = table(findings, "Nothing was sent: the mail settings cannot be used").data if findings else ""
    wrong += f"<p><b>{html.escape(done.trouble)}</b></p>" if done.trouble else ""
    return HTML(notes + wrong + delivery(done.report).data + mails(done.rows).data)


def delivery(report: DeliveryReport) -> HTML:
    """The run of the delivery in one line, and its troubles."""
    rows = [{"mails": count, "trouble": trouble} for trouble, count in report.troubles.most_common()]
    head = f"<p><b>{html.escape(report.sentence())}</b></p>"
    return HTML(head + (table(rows).data if rows else ""))


def proof(report: ProofReport, limit: int = SHOWN_ROWS) -> HTML:
    """The proof, what failed first, and the sentence to trust."""
    shown = [
        {"interview": row.interview_id, "candidate": row.who, "mail": row.kind, "delivered": row.delivered,
         "link": row.link, "verdict": row.verdict, "problems": "; ".join(row.problems), "To fix": row.fix}
        for row in sorted(report.rows, key=lambda row: (row.verdict == "proven", row.interview_id))
    ]  # fmt: skip
    return HTML(f"<p><b>{html.escape(report.sentence)}</b></p>" + table(shown, limit=limit).data)


def log_summary(summary: LogSummary, path: str) -> HTML:
    """The log in short: lines by tag, every failure, the first and the last lines."""
    tags = [{"tag": tag, "lines": count} for tag, count in summary.by_tag.most_common()]
    parts = [table(tags, f"{summary.lines} lines in {path}").data]
    for title, lines in (("Failures", summary.failures), ("First lines", summary.first), ("Last lines", summary.last)):
        if lines:
            text = html.escape("\n".join(lines))
            parts.append(f'<p><b>{title}</b></p><pre style="white-space: pre-wrap">{text}</pre>')
    return HTML("".join(parts))
