"""Completed interviews as reviewers read them: the list, one interview as it was said, and its rating.

Answers are text that candidates wrote: escaped, shown as written, but for what opens an interview or reaches a person.
"""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from IPython.display import HTML

from notebooks.colours import OTHER, WAITS
from notebooks.review_steps import LISTED, Rating, Said, Wanted, chosen, ended_at
from notebooks.tables import as_text, counted, how, seconds_words, table, written
from store import answer_copies, recordings, times
from store.evaluations import Evaluation
from store.interviews import Completed, Copy, Reply, Transcript
from store.key_patterns import SESSION_KEY
from store.recordings import Recorded
from store.redaction import HIDDEN, masked_address
from store.settings import Settings

_MARKS = {
    answer_copies.REPLACED: "replaced by what another page wrote",
    answer_copies.SHORTENED: "before the candidate cut it",
    answer_copies.CONFLICT: "another page wrote this at the same time",
    answer_copies.TAKEN_OVER: "another page wrote this",
    answer_copies.LATE: "arrived after the end",
}
COPIES_SHOWN, COPY_SHOWN = 5, 1_000
"""The newest copies of a question that a transcript shows, and characters of each: a candidate may send many long ones."""
_STATES = {recordings.COMPLETE: "complete", recordings.UPLOADING: "cut off: its end never came"}
_ANSWER = f"border-left: 3px solid {OTHER}; padding: 0.2em 0 0.2em 0.8em; margin: 0.4em 0; max-width: 46em"
_COPY = f"border-left: 3px solid {WAITS}; padding-left: 0.8em; margin: 0.3em 0 0.3em 1.5em; max-width: 46em"
_QUIET = "color: var(--jp-ui-font-color2, inherit)"


def completed(found: Sequence[Completed], asked: Wanted, settings: Settings) -> HTML:
    """The list; names stand only in the rows that were asked for, addresses are masked everywhere."""
    zone, read = settings.interview_timezone, chosen(asked, found)
    rows = [
        {"interview": one.interview_id, "candidate": _who(one, asked, read),
         "job": f"{one.job_title}, {one.company_name}",
         "begun": times.moment_words(one.begun_at, zone) if one.begun_at else "never",
         "ended": _ended(one, zone),
         "answered": f"{one.answered} of {one.asked}",
         "score": "not rated yet" if one.evaluation is None else f"{one.evaluation:g}"}
        for one in found
    ]  # fmt: skip
    if not rows:
        return as_text(
            "<p>No completed interview was found. Nothing is wrong: there is just nothing to review yet.</p>"
        )
    cut = "the last " if len(rows) >= LISTED else ""
    order = "the one asked for first, then those not rated yet" if asked.interview_id else "those not rated yet first"
    title = f"{cut}{counted(len(rows), 'completed interview')}" + (f", {order}" if len(rows) > 1 else "")
    return table(rows, title)


def _ended(one: Completed, zone: str) -> str:
    how_so = "finished" if one.finished_at else "ran out"
    if one.begun_at is None:
        return f"{how_so} {times.moment_words(ended_at(one), zone)}"
    return f"{how_so} after {max(round((ended_at(one) - one.begun_at).total_seconds() / 60), 1)} min"


def _who(one: Completed, asked: Wanted, read: int | None) -> str:
    masked = masked_address(one.email)
    is_asked_for = one.interview_id == read or one.candidate_id == asked.candidate_id
    return f"{one.candidate_id}: {one.candidate_name}, {masked}" if is_asked_for else f"{one.candidate_id}: {masked}"


def transcript(said: Said | None, settings: Settings) -> HTML:
    """Every question of one interview with all that was said to it, and where its recordings lie."""
    if said is None:
        return as_text(
            "<p>No single interview was asked for, so no answer is shown. To read one, set interview_id.</p>"
        )
    zone = settings.interview_timezone
    replies = "".join(_reply(reply, said, zone) for reply in said.transcript.replies)
    return as_text(_head(said.transcript, zone) + replies + _recordings(said, settings).data)


def _head(said: Transcript, zone: str) -> str:
    begun = f"begun {times.moment_words(said.begun_at, zone)}" if said.begun_at else "never begun"
    finished = said.finished_at
    ended = f"finished {times.moment_words(finished, zone)}" if finished else "not finished: the time ran out"
    return (
        f"<h3>Interview {said.interview_id}: {html.escape(said.candidate_name)}</h3>"
        f"<p>{html.escape(masked_address(said.email))}; {html.escape(said.job_title)}, {html.escape(said.company_name)}<br>"
        f"booked {times.moment_words(said.starts_at, zone)} to {times.moment_words(said.deadline, zone)}; {begun}; {ended}</p>"
    )


def _reply(reply: Reply, said: Said, zone: str) -> str:
    asked = f"Question {reply.number} <small>({how(reply.kind, reply.time_limit_seconds)})</small>"
    head = f'<div style="margin-top: 1.6em">{asked}</div><div style="font-weight: bold">{written(reply.text)}</div>'
    return head + _answer(reply, said, zone) + _newest_copies(reply, said, zone)


def _answer(reply: Reply, said: Said, zone: str) -> str:
    parts = [f"Recording {one.id}: {_STATES[one.state]}" for one in reply.recordings]
    if reply.saved_at:
        text = _as_written(reply.answer, said) if reply.answer.strip() else "<i>left blank</i><br>"
        note = (
            f"{counted(words(reply.answer), 'word')}, revision {reply.revision}, saved {_clock(reply.saved_at, zone)}"
        )
        parts.insert(0, f'{text}<small style="{_QUIET}">{note}</small>')
    elif not parts:
        parts = [f"<i>{'not answered' if reply.opened_at else 'not answered: never opened'}</i>"]
    return f'<div style="{_ANSWER}">{"<br>".join(parts)}</div>'


def copies(said: Said, number: int, settings: Settings) -> HTML:
    """All the copies kept of the question of that number, whole; a transcript shows the newest and cuts them."""
    kept = (copy for reply in said.transcript.replies if reply.number == number for copy in reply.copies)
    return as_text("".join(_copy(copy, _masked(copy.text, said), "", settings.interview_timezone) for copy in kept))


def _newest_copies(reply: Reply, said: Said, zone: str) -> str:
    shown, is_cut = [], False
    for copy in reply.copies[-COPIES_SHOWN:]:
        text, cut = _masked(copy.text, said), ""
        if len(text) > COPY_SHOWN:
            cut, is_cut = f"; the first {COPY_SHOWN:,} of {len(text):,} characters", True
        shown.append(_copy(copy, text[:COPY_SHOWN], cut, zone))
    older = len(reply.copies) - len(shown)
    if older or is_cut:
        hidden = f"Not shown: {counted(older, 'older text')}. " if older else ""
        call = f"<code>review_tables.copies(said, {reply.number}, run.settings)</code>"
        shown.append(f'<p style="{_QUIET}">{hidden}To read all that was kept, whole, run {call} in a cell below.</p>')
    return "".join(shown)


def _copy(copy: Copy, text: str, cut: str, zone: str) -> str:
    mark = f"<b>{_MARKS[copy.reason]}</b>: {counted(words(copy.text), 'word')}, kept {_clock(copy.kept_at, zone)}{cut}"
    return f'<details style="{_COPY}"><summary>Not the answer, {mark}</summary>{written(text)}</details>'


def _as_written(text: str, said: Said) -> str:
    return written(_masked(text, said))


def _masked(text: str, said: Said) -> str:
    email = said.transcript.email
    text = re.sub(re.escape(email), lambda _: masked_address(email), text, flags=re.IGNORECASE)
    return SESSION_KEY.sub(HIDDEN, text)


def _clock(moment: datetime, zone: str) -> str:
    return f"{times.in_zone(moment, zone):%H:%M:%S} {times.zone_label(moment, zone)}"


_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> int:
    """How many words there are; of Chinese and Japanese, which do not part them, how many characters."""
    return len(_WORD.findall(text))


def _recordings(said: Said, settings: Settings) -> HTML:
    found = [one for reply in said.transcript.replies for one in reply.recordings]
    if not found:
        return HTML("")
    url, example = settings.backend_url, found[0].id
    fetch = html.escape(f'curl -fOJ -H "Authorization: Bearer $OPS_TOKEN" {url}/api/recordings/{example}')
    fetching = (
        "<p>This notebook holds no recording, because it may be passed around. Open the file where it lies, or fetch it from"
        f" the portal with the OPS_TOKEN of its settings:</p><pre>{fetch}</pre>"
    )
    return HTML(table([_recording(one, said) for one in found], counted(len(found), "recording")).data + fetching)


def _recording(one: Recorded, said: Said) -> dict[str, object]:
    seconds = (one.changed_at - one.started_at).total_seconds()
    return {
        "id": one.id, "question": one.number, "type": one.media_type, "state": _STATES[one.state],
        "size": f"{one.size / 1e6:.1f} MB" if one.size >= 100_000 else f"{one.size} bytes",
        # The files of browsers do not say it; they are sent while they are recorded.
        "length, about": seconds_words(seconds) if seconds >= 1 else "",
        "file": said.file_of(one), "trouble": said.troubles.get(one.id, ""),
    }  # fmt: skip


def rating(rating: Rating | None) -> HTML:
    """The evaluation as it is, and what becomes of it or would."""
    if rating is None:
        return as_text("<p>No single interview was asked for, so none is rated.</p>")
    if rating.asked is None:
        return _columns("The rating", {"in the record": rating.before}) if rating.before else as_text(_UNRATED)
    if rating.after:
        return _columns("The rating is written", {"before": rating.before, "now": rating.after})
    return _columns("A dry run: nothing is written", {"in the record": rating.before, "would be": rating.asked})


_UNRATED = "<p>Not rated yet. To rate it, set overall_score.</p>"


def _columns(title: str, ratings: Mapping[str, Evaluation | Mapping[str, object] | None]) -> HTML:
    """Ratings beside each other: a row a score, then what each suggests."""
    columns = {column: _parts(one) for column, one in ratings.items() if one is not None}
    names = dict.fromkeys(name for scores, _ in columns.values() for name in scores)
    rows = [
        {"score": name} | {column: scores.get(name, "none") for column, (scores, _) in columns.items()}
        for name in names
    ]
    texts = [
        f'<p style="margin: 0.6em 0 0"><small>Suggestions, {column}:</small></p>{written(text)}'
        for column, (_, text) in columns.items() if text
    ]  # fmt: skip
    return as_text(table(rows, title).data + "".join(texts))


def _parts(one: Evaluation | Mapping[str, object]) -> tuple[dict[str, str], str]:
    """The scores as words by name, and the suggestions."""
    fields = ("overall_score", "traits", "suggestions")
    overall, traits, suggestions = (one[f] if isinstance(one, Mapping) else getattr(one, f) for f in fields)
    return {"overall": f"{overall:g}"} | {f"trait: {name}": f"{score:g}" for name, score in traits.items()}, suggestions
