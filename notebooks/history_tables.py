"""Runs of notebooks as tables: how they stand, what to do first, each notebook's runs, and every run with its record."""

import html
import socket
from pathlib import Path
from statistics import median
from urllib.parse import quote

from IPython.display import HTML

from notebooks import history_steps, tables
from notebooks.colours import BAD, GOOD, OTHER, WAITS
from notebooks.history_steps import DONE, FAILED, KINDS, RUNNING, STOPPED, Looked
from notebooks.job_listing import telling
from notebooks.tables import counted
from store import alerts, places, times
from store.job_runs import JobRunRow
from store.outcomes import DIED

COLOURS = {DONE: GOOD, FAILED: BAD, STOPPED: WAITS, RUNNING: OTHER}
_SHOWN, _LONGEST_TEXT = 50, 80


def light(looked: Looked) -> HTML:
    """One light for all runs, and what it means."""
    said = history_steps.words(looked)
    if not looked.kinds:
        return tables.as_text(f"<p>{html.escape(said)}</p>")
    open_kinds = {KINDS[row.outcome] for row in looked.open_troubles}
    word, colour = ("RED", BAD) if FAILED in open_kinds else ("AMBER", WAITS) if open_kinds else ("GREEN", GOOD)
    row = "display: flex; gap: 0.5em; align-items: baseline; font-size: 1.15em"
    return tables.as_text(
        f'<div style="{row}">{tables.dot(colour, 1.1)}<div><b>{word}</b> {html.escape(said)}</div></div>'
    )


def to_fix(looked: Looked, limit: int = tables.SHOWN_ROWS) -> HTML:
    """Every run that did not end well with what to do, first those that no later run has put right."""
    if not looked.troubles:
        return tables.as_text("<p>Nothing to do: no run ended badly.</p>")
    right = looked.right or {}
    rows = [_trouble(row, looked) for row in sorted(looked.troubles, key=lambda row: row.name in right)]
    title = f"{counted(len(rows), 'run')} that did not end well, what is open first; times of {looked.zone}"
    return tables.table(rows, title, limit)


def _trouble(row: JobRunRow, looked: Looked) -> dict[str, object]:
    what, fix = history_steps.split(row.message)
    fix = fix or alerts.look_at(row.artefacts)
    if row.outcome == DIED and not what:
        what, fix = "It was killed, or its machine went down.", "run it again; what is done is not done twice."
    done = (looked.right or {}).get(row.name)
    return {
        "ended": _ended(row), "notebook": _job(row), "begun": _when(row.started_at, looked.zone), "what happened": what,
        "To fix": "" if done else fix, "since then": _when(done, looked.zone, "done ") if done else "not done",
        "record": _record(row, looked),
    }  # fmt: skip


def by_notebook(looked: Looked) -> HTML:
    """A row a notebook: how many runs ended how, how long they take, and the most memory that one took."""
    rows = [_notebook(name, runs, looked) for name, runs in _runs_by_notebook(looked)]
    return tables.table(rows, f"{counted(len(rows), 'notebook')} in the record of runs", len(rows))


def _runs_by_notebook(looked: Looked) -> list[tuple[str, int]]:
    return history_steps.counted_by(looked.tallies, lambda tally: tally.notebook).most_common()


def _notebook(name: str, runs: int, looked: Looked) -> dict[str, object]:
    kinds = history_steps.counted_by(
        (tally for tally in looked.tallies if tally.notebook == name), lambda tally: KINDS[tally.outcome]
    )
    samples = (looked.samples or {}).get(name, ())
    took = [sample.seconds for sample in samples if KINDS[sample.outcome] == DONE]
    memory = [sample.peak_memory for sample in samples if sample.peak_memory]
    return {
        "notebook": name, "runs": f"{runs:,}", **{kind: f"{kinds[kind]:,}" if kinds[kind] else "" for kind in COLOURS},
        "half of those done take less than": seconds_words(median(took)) if took else "",
        "longest done": seconds_words(max(took)) if took else "", "most memory": _megabytes(max(memory)) if memory else "",
    }  # fmt: skip


def runs(looked: Looked, limit: int = _SHOWN) -> HTML:
    """The newest runs that were asked for, with all that they told."""
    rows = [
        {"ended": _ended(row), "notebook": _job(row), "begun": _when(row.started_at, looked.zone),
         "took": _took(row), "exit code": row.exit_code,
         "counts": ", ".join(f"{name} {count:,}" for name, count in row.counts.items()),
         "most memory": _megabytes(row.peak_memory) if row.peak_memory else "", "started by": _who(row),
         "with": _given(row), "code": row.code_version, "record": _record(row, looked)}
        for row in looked.rows
    ]  # fmt: skip
    only = "" if looked.outcome == history_steps.ANY else f", {looked.outcome}"
    return tables.table(rows, f"The newest runs{only}; times of {looked.zone}", limit)


def _took(row: JobRunRow) -> str:
    # How long a run lived on after its last sign of life, nobody knows.
    return f"{'at least ' if row.outcome == DIED else ''}{seconds_words(row.seconds)}"


def _ended(row: JobRunRow) -> HTML:
    mark = tables.dot(COLOURS[KINDS[row.outcome]])
    return HTML(f'<span style="white-space: nowrap">{mark}{row.outcome.replace("_", " ")}</span>')


def _job(row: JobRunRow) -> str:
    return f"{row.notebook} ({row.scheduled_as})" if row.scheduled_as else row.notebook


def _who(row: JobRunRow) -> str:
    return f"{row.started_by}, {row.user_name}@{row.host}"


def _given(row: JobRunRow) -> str:
    text = ", ".join(f"{name}={value}" for name, value in telling(row.parameters).items())
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def _when(moment: float, zone: str, before: str = "") -> HTML:
    at = f"{times.in_zone(times.from_epoch(moment), zone):%Y-%m-%d %H:%M}"
    return HTML(f'<span style="white-space: nowrap">{before}{at}</span>')


def seconds_words(seconds: float) -> str:
    """`0.8 s`, `1 min 30 s`, `2 h 5 min`"""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return tables.seconds_words(seconds)
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _record(row: JobRunRow, looked: Looked) -> HTML:
    """A link to each file that the run left; the word for those that are no longer there, or on another machine."""
    paths = {kind: places.resolve(path) for kind, path in row.artefacts.items()}
    parts = [_link(kind, path, looked) for kind, path in paths.items() if path.is_file()]
    if missing := [kind for kind, path in paths.items() if not path.is_file()]:
        which = "" if len(missing) == len(paths) else f"{html.escape(', '.join(missing))}: "
        parts.append(which + ("gone" if row.host == socket.gethostname() else f"on {html.escape(row.host)}"))
    return HTML(f'<span style="white-space: nowrap">{", ".join(parts)}</span>' if parts else "")


def _link(kind: str, path: Path, looked: Looked) -> str:
    name, shown = html.escape(kind), html.escape(places.shown(path))
    way = history_steps.link_to(looked.base, path)
    return (
        f'<a href="{html.escape(quote(way))}" title="{shown}">{name}</a>'
        if way
        else f'<span title="{shown}">{name}</span>'
    )
