"""Results as tables that ops staff read. Cells are text that others wrote, so they are escaped, never markup."""

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from IPython.display import HTML

from mailer.delivery import DeliveryReport
from notebooks.mailing_steps import Mailing
from notebooks.question_steps import JobChange
from store import batch_rows, times
from store.batches import BatchReport
from store.database import Database
from store.debuglog import LogSummary
from store.history import MailRow
from store.questions import Question
from store.questions_file import REPLACE, QuestionsFile

if TYPE_CHECKING:
    from mailer.proof import ProofReport

SHOWN_ROWS, SHOWN_FAULTS, SHOWN_JOBS = 25, 500, 20
# JupyterLab and nbconvert would make formulas of what stands between two $ in a text.
_AS_TEXT = 'class="tex2jax_ignore mathjax_ignore"'
LEFT = "<style>table.interviews td, table.interviews th {text-align: left !important; vertical-align: top}</style>"
LINES = "white-space: pre-wrap; overflow-wrap: anywhere; font-family: var(--jp-code-font-family, monospace); font-size: 0.9em"
"""The style of lines of a log."""
_NOT_SENT = "Nothing is sent in this run, for deliver_mail is off: what is queued waits for a run that sends."
_NEEDS_ACTION = ("refused", "failed", "refuse")


def table(
    rows: Sequence[Mapping[str, object]], caption: str = "", limit: int = SHOWN_ROWS, total: int | None = None
) -> HTML:
    """The first `limit` rows as an HTML table, with a line that says how many of `total` (all of `rows`) are not shown.

    A cell that is HTML already stands as it is; of all others the text is shown.
    """
    if not rows:
        return HTML(f"<p>{html.escape(caption)}: none.</p>" if caption else "<p>None.</p>")
    written_rows = [{name: _cell(value) for name, value in row.items()} for row in rows[:limit]]
    # A column that says nothing in any row is only in the way.
    names = [name for name in dict.fromkeys(name for row in written_rows for name in row)
             if any(row.get(name) for row in written_rows)]  # fmt: skip
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "\n".join(f"<tr>{_cells(row, names)}</tr>" for row in written_rows)
    title = f"<p><b>{html.escape(caption)}</b></p>" if caption else ""
    hidden = (len(rows) if total is None else total) - limit
    more = f"<p>... and {hidden:,} more.</p>" if hidden > 0 else ""
    laid_out = f'<table class="interviews">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    return as_text(LEFT + title + laid_out + more)


def _cells(row: Mapping[str, str], names: Sequence[str]) -> str:
    return "".join(f"<td>{row.get(name, '')}</td>" for name in names)


def _cell(value: object) -> str:
    return value.data if isinstance(value, HTML) else "" if value is None else html.escape(str(value))


def as_text(markup: str) -> HTML:
    """The markup, shown without a look for formulas in it."""
    return HTML(f"<div {_AS_TEXT}>{markup}</div>")


def written(text: str) -> str:
    """A text that somebody wrote as markup that shows it as it is, its line breaks kept."""
    # The first line break after the tag is not part of the text (HTML, 13.1.2.5).
    style = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; font: inherit; margin: 0"
    return f'<pre dir="auto" style="{style}">\n{html.escape(text)}</pre>'


def dot(colour: str, size: float = 0.9) -> str:
    """A round mark of that colour, as large as a letter of `size` em; the word for it stands beside it."""
    width = f"{size * 0.7:.2f}em"
    shape = f"display: inline-block; flex: none; width: {width}; height: {width}; border-radius: 50%"
    return f'<span style="{shape}; margin-right: 0.35em; background: {colour}"></span>'


def seconds_words(seconds: float) -> str:
    """`1 min 30 s`"""
    minutes, rest = divmod(round(seconds), 60)
    return " ".join(f"{count} {unit}" for count, unit in ((minutes, "min"), (rest, "s")) if count) or "0 s"


def when(row: dict[str, object]) -> str:
    """A row's start in the zone it was booked in; nothing where there is none."""
    if row["started_at"] is None:
        return ""
    return times.moment_words(times.from_epoch(row["started_at"]), row["timezone"])


def counts(report: BatchReport) -> HTML:
    """How many rows there are of each outcome, and of each reason of refusal."""
    rows = [{"rows": count, "outcome": outcome, "reason": ""} for outcome, count in report.outcomes.most_common()]
    rows += [{"rows": count, "outcome": "", "reason": code} for code, count in report.codes.most_common()]
    return table(rows, f"{counted(report.rows, 'row')} of {report.source}", len(rows))


def batch(db: Database, report: BatchReport, limit: int = SHOWN_ROWS) -> HTML:
    """The batch's rows, those that need someone first."""
    rows = batch_rows.read(db, report.batch_id, first=_NEEDS_ACTION, limit=limit)
    shown = [
        {"line": row["line"], "outcome": _outcome(row, report), "reason": row["code"] or "", "column": row["column"] or "",
         "candidate": row["who"] or "", "job": row["job_title"] or "", "start": when(row),
         "interview": row["interview_id"], "slot": row["slot_id"],
         "what": row["message"] or "", "To fix": row["fix"] or ""}
        for row in rows
    ]  # fmt: skip
    title = (
        f"Batch {report.batch_id}, {'rows that need someone first' if report.refused or report.failed else 'its rows'}"
    )
    return HTML(_done_before(report) + table(shown, title, limit, report.rows).data)


def _outcome(row: Mapping[str, object], report: BatchReport) -> str:
    return f"{row['outcome']} (in an earlier run)" if row["line"] in report.skipped_lines else str(row["outcome"])


def _done_before(report: BatchReport) -> str:
    """A sentence on the rows that are done already; empty if there are none."""
    rows = counted(report.rows, "row")
    if report.skipped:
        said = f"{report.skipped} of {rows} were decided in an earlier run, and are skipped now."
    elif unchanged := report.outcomes["unchanged"]:
        said = f"{unchanged} of {rows} had been booked before just so: nothing is booked or mailed for them again."
    else:
        return ""
    return f"<p><b>{said}</b></p>"


def mails(rows: Sequence[MailRow], limit: int = SHOWN_ROWS) -> HTML:
    """The newest mail of each interview, troubles first."""
    shown = [
        {"interview": row.interview_id, "candidate": row.who, "mail": row.kind, "state": row.state, "tries": row.attempts,
         "next try": times.iso(row.next_at) if row.next_at else "", "server said": row.reply, "To fix": row.fix}
        for row in sorted(rows, key=lambda row: (row.state == "sent", row.interview_id))
    ]  # fmt: skip
    return table(shown, counted(len(rows), "mail"), limit)


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
    sent = delivery(done.report).data if done.is_wanted else f"<p><b>{_NOT_SENT}</b></p>"
    return HTML(notes + wrong + sent + mails(done.rows).data)


def delivery(report: DeliveryReport) -> HTML:
    """The run of the delivery in one line, and its troubles."""
    rows = [{"mails": count, "trouble": trouble} for trouble, count in report.troubles.most_common()]
    head = f"<p><b>In this run: {html.escape(report.sentence())}</b></p>"
    return HTML(head + (table(rows).data if rows else ""))


def proof(report: "ProofReport", limit: int = SHOWN_ROWS) -> HTML:
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
            parts.append(f'<p><b>{title}</b></p><pre style="{LINES}">{text}</pre>')
    return HTML("".join(parts))


def faults(file: QuestionsFile) -> HTML:
    """Every row of the file that cannot be used, and what to write instead."""
    if not file.faults:
        asked = sum(len(job.questions) for job in file.jobs)
        held = f"{counted(asked, 'question')} for {counted(len(file.jobs), 'job')}"
        return as_text(f"<p><b>{html.escape(file.name)}</b>: {held}, no faults.</p>")
    rows = [
        {"line": fault.line, "column": fault.column or "(row)", "what": fault.message, "To fix": fault.fix}
        for fault in file.faults
    ]
    return table(rows, f"{file.name}: {counted(len(rows), 'row')} cannot be used, so nothing is loaded", SHOWN_FAULTS)


def question_plan(changes: Sequence[JobChange]) -> HTML:
    """What loading does to each job: how many questions it has before and after."""
    if not changes:
        return as_text("<p>A file with faults changes no job.</p>")
    rows = [
        {"job": change.plan.job_title, "company": change.plan.company_name, "action": change.plan.action,
         "questions before": change.plan.before, "after": change.plan.after,
         "new ones": len(_new(change)), "asked no longer": len(change.dropped)}
        for change in changes
    ]  # fmt: skip
    return table(rows, counted(len(rows), "job"))


def _new(change: JobChange) -> set[Question]:
    return set(change.after) - set(change.before)


def questions(changes: Sequence[JobChange], limit: int = SHOWN_JOBS) -> HTML:
    """Each job's questions as candidates will see them; where they replace others, which are new and which go."""
    if not changes:
        return as_text("<p>Nothing to show until the file's faults are corrected.</p>")
    more = f"<p>... and {counted(len(changes) - limit, 'more job')}.</p>" if len(changes) > limit else ""
    return as_text("".join(map(_job_questions, changes[:limit])) + more)


def _job_questions(change: JobChange) -> str:
    plan = change.plan
    new = _new(change) if plan.action == REPLACE else set()
    asked = "".join(_asked(question, "new" if question in new else "") for question in change.after)
    gone = "".join(_asked(question) for question in change.dropped)
    head = f"<h4>{html.escape(plan.job_title)}, {html.escape(plan.company_name)} ({plan.action})</h4>"
    return f"{head}<ol>{asked}</ol>" + (f"<p>Asked no longer:</p><ul>{gone}</ul>" if gone else "")


def _asked(question: Question, mark: str = "") -> str:
    note = f"<small>{how(question.kind, question.time_limit_seconds)}</small>" + (f" <b>{mark}</b>" if mark else "")
    return f"<li>{written(question.text)}{note}</li>"


_HOW = {"text": "in writing", "audio": "as a sound recording", "video": "as a video"}


def how(kind: str, limit: int | None) -> str:
    """How a question is answered: `answered in writing, within 5 min`; `limit` is seconds."""
    return f"answered {_HOW[kind]}{f', within {seconds_words(limit)}' if limit else ''}"


def counted(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`"""
    return f"{count} {noun}{'' if count == 1 else 's'}"
