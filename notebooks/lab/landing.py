"""What start_here.ipynb shows below the state of the installation: which notebook is for what, and the form."""

import html
import importlib.util
from typing import Any

from IPython.display import HTML

from notebooks import jobs, tables
from notebooks.lab import lab_links, standing, words
from notebooks.parameters.cell import Sheet
from store import times

THIS = "start_here"
TASKS = (
    ("see whether mail works, or what keeps it from working", "email_verification"),
    ("set the questions of a job", "load_questions"),
    ("book candidates from a file and mail them", "booking_batch"),
    ("see how a batch would fare on a bad day of the mail server", "rehearsal"),
    ("book one candidate, and see the mail and the page", "book_interview"),
    ("cancel interviews, by their codes or by the file that was booked", "cancel_interviews"),
    ("read what candidates answered, and rate it", "review"),
    ("see which jobs ran, and what failed", "job_history"),
)
"""What people want to do, in the order of a day, and the notebook for it; one that is not named here comes last."""


def tasks(seen: standing.Seen) -> HTML:
    """Which notebook is for what, what it changes, and how its last run ended."""
    head = "".join(f"<th>{title}</th>" for title in ("I want to", "Open", "What it changes", "Last run as a job"))
    rows = "".join(_task_row(want, jobs.sheet(name), _last(seen, name)) for want, name in listed())
    return tables.as_text(
        f'{tables.LEFT}<table class="interviews"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def listed() -> list[tuple[str, str]]:
    """Every notebook but this one, each with what it is wanted for."""
    there = [name for name in jobs.names() if name != THIS]
    known = [(want, name) for want, name in TASKS if name in there]
    named = {name for _, name in known}
    return known + [(jobs.sheet(name).title, name) for name in there if name not in named]


def _task_row(want: str, sheet: Sheet, last: str) -> str:
    opened = lab_links.link(f"notebooks/{sheet.name}.ipynb", sheet.name)
    cells = (html.escape(want), opened, words.inline(words.part(sheet, "What it changes")), last)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _last(seen: standing.Seen, name: str) -> str:
    run = seen.runs.get(name)
    if run is None:
        return "not yet" if seen.is_record_read else "not known"
    when = times.moment_words(times.from_epoch(run.started_at), seen.zone)
    shown = run.artefacts.get("page") or run.artefacts.get("notebook")
    record = lab_links.link(shown, "its record") if shown else ""
    return f"{words.outcome(run.outcome)}<br>{html.escape(when)}<br>{record}"


def form() -> Any:
    """The form, or one line that says why there is none here."""
    if not lab_links.is_lab():
        return HTML("<p>The form is shown where this notebook is open in JupyterLab: <code>make lab</code>.</p>")
    if importlib.util.find_spec("ipywidgets") is None:
        return HTML("<p>The form needs ipywidgets. To fix: close JupyterLab and start it by <code>make lab</code>.</p>")
    from notebooks.lab.form import Form

    return Form([name for _, name in listed()]).widget
