"""How a completed interview was rated: one evaluation an interview, checked, changed and listed. Who may, the edge knows."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from store import events, pages, plain_text, redaction, sessions, times
from store.database import Database, changing, execute, fetch, is_sqlite
from store.errors import EvaluationRefused, NotFound
from store.ids import is_id
from store.pages import Page

LARGEST_SCORE = 10
TRAITS, TRAIT_LENGTH, SUGGESTIONS_LENGTH = 30, 60, 5_000
"""How many traits, and characters of a trait's name and of the suggestions."""
DETAILS_BYTES, DETAILS_DEPTH = 50_000, 50
"""Of the details as compact JSON in UTF-8. The depth keeps them readable for programs with deeper stacks than ours."""
FIELDS = ("interview_id", "overall_score", "traits", "suggestions", "details")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One rating. Scores go from 0 to LARGEST_SCORE; `traits` are scores by name; instants are aware UTC."""

    id: int
    interview_id: int
    candidate_id: int
    overall_score: float
    traits: dict[str, float]
    suggestions: str
    details: dict[str, object]
    created_at: datetime
    updated_at: datetime


_ROWS = (
    "SELECT e.id, e.interview_id, i.candidate_id, e.overall_score, e.traits, e.suggestions, e.details, e.created_at,"
    " e.updated_at FROM evaluation e JOIN interview i ON i.id = e.interview_id"
)
_ADD = (
    "INSERT INTO evaluation (interview_id, overall_score, traits, suggestions, details, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (interview_id) DO NOTHING RETURNING id"
)
_REPLACE = (
    "UPDATE evaluation SET overall_score = ?, traits = ?, suggestions = ?, details = ?, updated_at = ? WHERE id = ?"
)


def create(db: Database, data: Mapping[str, object], now: datetime) -> Evaluation:
    """Adds the evaluation of a completed interview; `data` has the keys in FIELDS, of which the last three may be missing.

    Raises NotFound for an unknown interview, EvaluationRefused naming the field otherwise (interview_not_completed,
    evaluation_exists, value_missing, value_invalid, value_range, too_long, unknown_field).
    """
    (interview_id, content), at = _read(data, is_new=True), times.epoch(now)
    with changing(db):
        _check_completed(db, interview_id, now)
        added = fetch(db, _ADD, (interview_id, *content, at, at))
        if not added:
            fix = "read it, and replace it if it must change."
            raise EvaluationRefused("evaluation_exists", "The interview has an evaluation.", fix, "interview_id")
        evaluation = read(db, added[0][0])
        _record(db, "evaluation_created", evaluation, at, score=evaluation.overall_score)
    return evaluation


def check(data: Mapping[str, object]) -> None:
    """Raises EvaluationRefused for what `create` would refuse of any interview; the record is not asked."""
    _read(data, is_new=True)


def update(db: Database, evaluation_id: int, data: Mapping[str, object], now: datetime) -> Evaluation:
    """Replaces the whole content of an evaluation: what `data` leaves out is empty afterwards.

    `interview_id` may be left out, or must be the evaluation's. Raises NotFound and EvaluationRefused as `create` does.
    """
    (interview_id, content), at = _read(data, is_new=False), times.epoch(now)
    with changing(db):
        before = _locked(db, evaluation_id)
        if interview_id not in (None, before.interview_id):
            fix = "leave interview_id out, or delete this evaluation and create the other."
            raise EvaluationRefused("value_invalid", "interview_id is another interview's.", fix, "interview_id")
        execute(db, _REPLACE, (*content, at, evaluation_id))
        after = read(db, evaluation_id)
        _record(db, "evaluation_updated", before, at, score=after.overall_score, old_score=before.overall_score)
    return after


def read(db: Database, evaluation_id: int) -> Evaluation:
    """The evaluation with that id. Raises NotFound."""
    rows = fetch(db, f"{_ROWS} WHERE e.id = ?", (evaluation_id,)) if is_id(evaluation_id) else []
    if not rows:
        raise NotFound("evaluation_id", evaluation_id)
    return _evaluation(rows[0])


def delete(db: Database, evaluation_id: int, now: datetime) -> None:
    """Removes an evaluation; the audit keeps its score. Raises NotFound."""
    with changing(db):
        before = _locked(db, evaluation_id)
        execute(db, "DELETE FROM evaluation WHERE id = ?", (evaluation_id,))
        _record(db, "evaluation_deleted", before, times.epoch(now), old_score=before.overall_score)


def listed(db: Database, candidate_id: int | None = None, after: int = 0, limit: int = pages.ROWS) -> Page[Evaluation]:
    """At most `limit` evaluations with ids above `after`, lowest id first: all of them, or one candidate's.

    Raises NotFound for an unknown candidate, PageRefused for a limit or a start that is out of range.
    """
    pages.check(after, limit)
    condition, parameters = "e.id > ?", [after]
    if candidate_id is not None:
        if not is_id(candidate_id) or not fetch(db, "SELECT 1 FROM candidate WHERE id = ?", (candidate_id,)):
            raise NotFound("candidate_id", candidate_id)
        condition, parameters = "e.id > ? AND i.candidate_id = ?", [after, candidate_id]
    rows = fetch(db, f"{_ROWS} WHERE {condition} ORDER BY e.id LIMIT ?", (*parameters, limit + 1))
    return pages.cut(map(_evaluation, rows), limit)


def _evaluation(row: tuple) -> Evaluation:
    instants = [times.from_epoch(value) for value in row[7:]]
    return Evaluation(*row[:4], json.loads(row[4]), row[5], json.loads(row[6]), *instants)


def _locked(db: Database, evaluation_id: int) -> Evaluation:
    if not is_sqlite(db) and is_id(evaluation_id):
        fetch(db, "SELECT 1 FROM evaluation WHERE id = ? FOR UPDATE", (evaluation_id,))
    return read(db, evaluation_id)


def _check_completed(db: Database, interview_id: int, now: datetime) -> None:
    # What is done stays done, so nothing can come between this look and the insert.
    rows = fetch(db, "SELECT id FROM interview_session WHERE interview_id = ?", (interview_id,))
    if not rows:
        raise NotFound("interview_id", interview_id)
    state = sessions.load(db, rows[0][0]).access(now).state
    if state != sessions.DONE:
        what, fix = f"The interview is not completed: it is {state}.", "evaluate it when it is over."
        raise EvaluationRefused("interview_not_completed", what, fix, "interview_id")


def _record(db: Database, kind: str, evaluation: Evaluation, at: float, **scores: float) -> None:
    # Never the texts: they are about a person, and an event cannot be deleted.
    events.record(db, kind, at=at, interview_id=evaluation.interview_id, evaluation=evaluation.id, **scores)


def _read(data: Mapping[str, object], *, is_new: bool) -> tuple[int | None, tuple[float, str, str, str]]:
    """The interview's id, which only a new evaluation must name, and the columns that the data makes."""
    if not isinstance(data, Mapping):
        raise _refused("value_invalid", "evaluation", "is no object.", "give an object with the evaluation's fields.")
    if is_new and "interview_id" not in data:
        raise _refused("value_missing", "interview_id", "is missing.", "give the id of a completed interview.")
    if "interview_id" in data and not is_id(data["interview_id"]):
        raise _refused("value_invalid", "interview_id", "is no id.", "give a positive whole number.")
    return data.get("interview_id"), _content(data)


def _content(data: Mapping[str, object]) -> tuple[float, str, str, str]:
    """Score, traits, suggestions and details."""
    unknown = next((_shown(str(name)) for name in data if name not in FIELDS), None)
    if unknown is not None:
        fix = f"give only {', '.join(FIELDS)}."
        raise EvaluationRefused("unknown_field", f"{plain_text.quoted(unknown)} is not known.", fix, unknown[:60])
    if "overall_score" not in data:
        raise _refused("value_missing", "overall_score", "is missing.", _SCORE_FIX)
    score = _score("overall_score", data["overall_score"])
    traits, details = data.get("traits", {}), data.get("details", {})
    return score, _traits(traits), _suggestions(data.get("suggestions", "")), _details(details)


def _shown(name: str) -> str:
    """A name that was given, fit for a message: one line of it, without what nobody else may read."""
    return plain_text.one_line(redaction.redact(name))


_SCORE_FIX = f"give a number from 0 to {LARGEST_SCORE}."


def _score(field: str, value: object, of: str = "") -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _refused("value_invalid", field, f"{of}is no number.", _SCORE_FIX)
    # Not a number is outside, too.
    if not 0 <= value <= LARGEST_SCORE:
        raise _refused("value_range", field, f"{of}is out of range.", _SCORE_FIX)
    return value


def _traits(traits: object) -> str:
    if not isinstance(traits, Mapping):
        raise _refused("value_invalid", "traits", "is no object.", "give an object of names and scores.")
    if len(traits) > TRAITS:
        raise _refused("too_long", "traits", f"has {len(traits)} names.", f"give at most {TRAITS}.")
    scores = {}
    for name, value in traits.items():
        cleaned = plain_text.one_line(name) if isinstance(name, str) else ""
        if not cleaned or cleaned in scores:
            what = "has a name twice." if cleaned else "has a name without a letter."
            raise _refused("value_invalid", "traits", what, "give each trait a name of its own.")
        if len(cleaned) > TRAIT_LENGTH:
            fix = f"shorten it to {TRAIT_LENGTH} characters."
            raise _refused("too_long", "traits", f"has a name of {len(cleaned)} characters.", fix)
        scores[cleaned] = _score("traits", value, of=f"({plain_text.quoted(_shown(cleaned))}) ")
    return _compact(scores)


def _suggestions(text: object) -> str:
    if not isinstance(text, str):
        raise _refused("value_invalid", "suggestions", "is no text.", "give a text.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > SUGGESTIONS_LENGTH:
        fix = f"shorten it to {SUGGESTIONS_LENGTH} characters."
        raise _refused("too_long", "suggestions", f"has {len(text)} characters.", fix)
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in text):
        raise _refused("value_invalid", "suggestions", "holds control characters.", "give a text without them.")
    return text


def _details(details: object) -> str:
    if not isinstance(details, Mapping):
        raise _refused("value_invalid", "details", "is no object.", "give a JSON object.")
    try:
        text = _compact(details)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        fix = "give texts, finite numbers, true, false, null, lists and objects only."
        raise _refused("value_invalid", "details", "is not JSON.", fix) from None
    if size > DETAILS_BYTES:
        fix = f"shorten it to {DETAILS_BYTES} bytes."
        raise _refused("too_long", "details", f"has {size} bytes as JSON.", fix)
    if _depth(details) > DETAILS_DEPTH:
        raise _refused("value_invalid", "details", "is nested too deeply.", f"give at most {DETAILS_DEPTH} levels.")
    return text


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _depth(value: Mapping[str, object]) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        children = (child for parent in level for child in (parent.values() if isinstance(parent, dict) else parent))
        level = [child for child in children if isinstance(child, dict | list | tuple)]
    return depth


def _refused(code: str, field: str, what: str, fix: str) -> EvaluationRefused:
    # Never the value: it may be of any size, or about a person.
    return EvaluationRefused(code, f"{field} {what}", fix, field)
