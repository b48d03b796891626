"""The steps of email_verification.ipynb: the run, its table of lights, what to do, the conversation, the verdict."""

import html
import logging
from collections.abc import Mapping

from IPython.display import HTML

from mailer import verification
from mailer.verification import Asked, Verification, stages
from mailer.verification.stages import BY_NAME, FAILED, NOT_RUN, OK, WARNING, Row
from notebooks import cell_log, parameters, tables
from notebooks.colours import BAD, GOOD, IDLE, WAITS
from notebooks.opened_run import log_path
from notebooks.stopping import JobFailed, telling
from store import places, redaction

log = logging.getLogger(__name__)

COLOURS = {OK: GOOD, WARNING: WAITS, FAILED: BAD, NOT_RUN: IDLE}
LIGHTS = {stages.GREEN: COLOURS[OK], stages.AMBER: COLOURS[WARNING], stages.RED: COLOURS[FAILED]}


@telling
def verify(names: Mapping[str, object]) -> Verification:
    """Checks the notebook's parameters (`globals()`), and runs every stage; each row is a line of the log."""
    redaction.install_excepthook()
    given = parameters.check(names)
    path = log_path("email_verification", str(given["log_file"]))
    asked = Asked(
        str(given["recipient"]), str(given["stop_after"]), str(given["portal_url"]), float(given["wait_seconds"])
    )
    print(f"Log: {places.shown(path)}")
    with cell_log.writing_to(path):
        return verification.verify_here(asked, told=logged)


def logged(row: Row) -> None:
    """A row as a line of the log."""
    level = logging.ERROR if row.result == FAILED else logging.WARNING if row.result == WARNING else logging.INFO
    fix = f" To fix: {row.fix}" if row.fix else ""
    log.log(level, "EMAIL: Verification: %s: %s: %s%s", row.result, row.title, row.evidence, fix)


def light(done: Verification) -> HTML:
    """The run's one light, and what it means."""
    said = html.escape(done.sentence)
    row = "display: flex; gap: 0.5em; align-items: baseline; font-size: 1.15em"
    return tables.as_text(
        f'<div style="{row}">{tables.dot(LIGHTS[done.light], 1.1)}<div><b>{done.light.upper()}</b> {said}</div></div>'
    )


def lights(done: Verification) -> HTML:
    """Every look with its light, what was seen, how long it took, and what to do."""
    head = "".join(f"<th>{name}</th>" for name in ("", "Stage", "Looked at", "Seen", "Took", "To fix"))
    body, before = "", ""
    for row in done.rows:
        stage = BY_NAME[row.stage].title
        body += _line(row, "" if stage == before else stage)
        before = stage
    return tables.as_text(f'{tables.LEFT}<table class="interviews"><tr>{head}</tr>{body}</table>')


def _line(row: Row, stage: str) -> str:
    took = f"{row.seconds:.2f}&nbsp;s" if row.result != NOT_RUN else ""
    cells = (html.escape(stage), html.escape(row.title), html.escape(row.evidence), took, html.escape(row.fix))
    mark = f"{tables.dot(COLOURS[row.result])} {row.result}"
    return f'<tr><td style="white-space: nowrap">{mark}</td>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def to_do(done: Verification) -> HTML:
    """What to do, the first first; each thing once."""
    if not done.findings:
        return tables.as_text("<p>Nothing to do.</p>")
    items = "".join(
        f"<li><b>{html.escape(row.fix)}</b><br>{html.escape(f'{BY_NAME[row.stage].title}: {row.evidence}')}</li>"
        for row in done.findings
    )
    return tables.as_text(f"<p>Do the first, then run this notebook again.</p><ol>{items}</ol>")


def conversation(done: Verification) -> HTML:
    """What was said to the mail server up to its answer to sender and recipient, and what was asked of the mailbox.

    Passwords and keys are masked. The mail itself goes by a connection of its own, whose last answer is in its row.
    """
    if not done.transcript:
        return tables.as_text("<p>No mail server was spoken to.</p>")
    said = html.escape("\n".join(done.transcript))
    return tables.as_text(f'<pre style="{tables.LINES}">{said}</pre>')


def verdict(done: Verification) -> str:
    """One sentence for a run in which nothing failed. Raises JobFailed otherwise, with the exit code of the stage."""
    if done.exit_code:
        raise JobFailed(f"{done.sentence} (stage {done.exit_code})")
    return done.sentence
