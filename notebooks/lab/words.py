"""What the form says, as markup: a notebook's purpose, what was checked, how far a run is and how it ended."""

import html
import re
from collections.abc import Iterable, Mapping

from notebooks import tables
from notebooks.colours import BAD, GOOD, OTHER, WAITS
from notebooks.lab import lab_links
from notebooks.lab.started_runs import Progress
from notebooks.parameters.cell import Sheet
from store import outcomes
from store.errors import Finding
from store.job_runs import JobRunRow
from store.outcomes import DIED, DONE, OVERTAKEN, RUNNING, STOPPED

_WORDS = {DONE: "done", "wrong_settings": "wrong settings", "out_of_time": "out of time", "kernel_died": "kernel died"}
_COLOURS = {DONE: GOOD, STOPPED: WAITS, OVERTAKEN: WAITS, RUNNING: OTHER}
_LABELS = {"page": "page to read", "notebook": "executed notebook", "log": "log"}
_COMMAND = (
    "user-select: all; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3em 0; padding: 0.5em 0.7em;"
    " border: 1px solid var(--jp-border-color1, #bdbdbd)"
)


def outcome(kind: str) -> str:
    """How a run ended, as a word with a light."""
    return f'<span style="white-space: nowrap">{tables.dot(_COLOURS.get(kind, BAD))}{word(kind)}</span>'


def word(kind: str) -> str:
    return _WORDS.get(kind, kind)


def part(sheet: Sheet, name: str) -> str:
    """What a notebook's first text says under a bold beginning, such as `What it changes`; empty if it has none."""
    found = re.search(
        rf"^\*\*{re.escape(name)}\.?\*\*[:.]?\s+(.+?)(?=\n\s*\n|\Z)", sheet.purpose, re.MULTILINE | re.DOTALL
    )
    return " ".join(found[1].split()) if found else ""


def inline(text: str) -> str:
    """A piece of a notebook's text as markup: its code and bold words, and nothing else of Markdown."""
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", shown)


def about(sheet: Sheet) -> str:
    """What the chosen notebook is for, changes, and how that is undone."""
    said = [f"<p>{inline(' '.join(sheet.purpose.partition('**')[0].split()))}</p>"]
    for name in ("What it changes", "How to undo it"):
        if told := part(sheet, name):
            said.append(f"<p><b>{name}.</b> {inline(told)}</p>")
    opened = lab_links.link(f"notebooks/{sheet.name}.ipynb", f"{sheet.name}.ipynb")
    return f'<div style="line-height: 1.45; max-width: 62em">{"".join(said)}<p>{opened}</p></div>'


def checked(name: str, values: Mapping[str, object]) -> str:
    """What the job would be run with."""
    listed = ", ".join(f"<code>{html.escape(f'{key} = {value!r}')}</code>" for key, value in values.items())
    return (
        f"<p><b>Nothing is wrong</b> with names, types and files. {html.escape(name)} would be run with"
        f" {listed or 'no parameters'}; what else a value must be, the run itself looks at.</p>"
    )


def refused(findings: Iterable[Finding]) -> str:
    """That something is wrong, and what, for what belongs to no field."""
    rest = "".join(f"<li>{html.escape(found.what)} {_fix(found.fix)}</li>" for found in findings)
    return '<p role="alert"><b>Not right yet:</b> see what is marked; nothing was started.</p>' + (
        f"<ul>{rest}</ul>" if rest else ""
    )


def note(text: str) -> str:
    return f'<p role="status">{html.escape(text)}</p>'


def command(text: str) -> str:
    """The shell command, selected whole by one click."""
    return f"<p>The same as a job; one click selects it:</p><pre style='{_COMMAND}'>{html.escape(text)}</pre>"


def running(name: str, progress: Progress, seconds: float, is_stopping: bool) -> str:
    """How far the run is, and the newest lines of its log."""
    cells = f", cell {min(progress.cells + 1, progress.of)} of {progress.of}" if progress.of else ""
    note = "; it is being stopped" if is_stopping else ""
    head = f"<p>{outcome(RUNNING)} {html.escape(name)}: {tables.seconds_words(seconds)}{cells}{note}</p>"
    return head + _log(progress.lines)


def ended(name: str, row: JobRunRow | None, code: int, said: str) -> str:
    """How the run ended, the words of its failure with what to do, and its record."""
    kind = _kind(row, code)
    message = row.message if row and row.message else said
    counts = ", ".join(f"{key} {value:g}" for key, value in row.counts.items()) if row else ""
    took = f" after {tables.seconds_words(row.seconds)}" if row else ""
    parts = [
        f"<p><b>{outcome(kind)}</b>: {html.escape(name)}{took} (exit code {code})</p>",
        *(f"<p>{_with_fix(line)}</p>" for line in message.splitlines() if line.strip()),
        f"<p>Counts: {html.escape(counts)}</p>" if counts else "",
        artefacts(row),
    ]
    return f'<div style="line-height: 1.45; max-width: 62em">{"".join(parts)}</div>'


def artefacts(row: JobRunRow | None) -> str:
    """Links to the run's record, best to read first."""
    known = [(kind, row.artefacts[kind]) for kind in _LABELS if kind in row.artefacts] if row else []
    links = (f"<li>{_LABELS[kind]}: {lab_links.link(path)}</li>" for kind, path in known)
    return f"<ul>{''.join(links)}</ul>" if known else ""


def _kind(row: JobRunRow | None, code: int) -> str:
    """The outcome: of the record, or where the run has none of its own, what its exit code means."""
    if row and row.exit_code is not None:
        return row.outcome
    if code < 0 or row:
        return DIED
    return "not started" if code == outcomes.BUSY_CODE else verdict_of(code)


def verdict_of(code: int) -> str:
    return next((kind for kind, known in outcomes.EXIT_CODES.items() if known == code), "failed")


def _with_fix(line: str) -> str:
    what, is_fix, fix = line.removeprefix("notebooks: ").partition("To fix: ")
    return f"{html.escape(what)}{_fix(fix) if is_fix else ''}"


def _fix(text: str) -> str:
    return f"<b>To fix:</b> {html.escape(text)}"


def _log(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    return f'<pre style="{tables.LINES}; margin: 0.3em 0">{html.escape(text)}</pre>' if text else ""
