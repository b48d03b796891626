"""The steps of review.ipynb, one function a cell: what to look at, the list, one interview as it was said, its rating."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from notebooks.opened_run import Run
from notebooks.stopping import JobFailed, telling
from store import evaluations, interviews, pages, places, recordings, times
from store.errors import EvaluationRefused, Finding, NotFound, RecordingsUnusable, SettingsError
from store.evaluations import Evaluation
from store.interviews import Completed, Transcript
from store.plain_text import quoted
from store.recordings import Recorded

log = logging.getLogger(__name__)

NO_SCORE = -1
"""The value of `overall_score` that rates nothing."""
LONGEST_DAYS = 3_650
LISTED = 500
_SCORE = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the parameters ask for. `candidate_id` and `interview_id` are None for any; `rating` is None for none.

    `rating` holds what an evaluation is made of, but for the details, which nobody rates here.
    """

    candidate_id: int | None
    interview_id: int | None
    days: int
    rating: dict[str, object] | None


@telling
def wanted(run: Run, values: Mapping[str, object]) -> Wanted:
    """The parameters, checked against each other and against the record; everything wrong is told at once."""
    traits, findings = _read_traits(values["traits"])
    findings += [*_range_findings(values), *_id_findings(run, values)]
    is_rated = values["overall_score"] != NO_SCORE
    rating = {
        "interview_id": values["interview_id"], "overall_score": values["overall_score"], "traits": traits,
        "suggestions": values["suggestions"],
    }  # fmt: skip
    findings += _rating_findings(rating) if is_rated else _unused_findings(values)
    if findings:
        raise SettingsError(findings)
    return Wanted(
        values["candidate_id"] or None, values["interview_id"] or None, values["days"], rating if is_rated else None
    )


def _finding(name: str, what: str, fix: str) -> Finding:
    return Finding(f"parameters.{name}", what, fix)


def _read_traits(text: str) -> tuple[dict[str, float], list[Finding]]:
    """`clarity=8, knowledge=7.5` as scores by name, and what of it cannot be read."""
    traits, findings = {}, []
    for part in filter(str.strip, text.split(",")):
        name, _, score = (cell.strip() for cell in part.partition("="))
        if not (name and _SCORE.fullmatch(score)):
            fix = "write each as name=score, separated by commas: clarity=8, knowledge=7.5"
            findings.append(_finding("traits", f"{quoted(part.strip())} is no trait with a score.", fix))
        elif name in traits:
            findings.append(_finding("traits", f"{quoted(name)} stands there twice.", "give each trait once."))
        else:
            traits[name] = float(score)
    return traits, findings


def _range_findings(values: Mapping[str, object]) -> list[Finding]:
    days = values["days"]
    if 1 <= days <= LONGEST_DAYS:
        return []
    return [_finding("days", f"days = {days} is out of range.", f"give a number from 1 to {LONGEST_DAYS}.")]


def _id_findings(run: Run, values: Mapping[str, object]) -> list[Finding]:
    findings, found = [], {}
    for name in ("candidate_id", "interview_id"):
        value = values[name]
        if value == 0:
            continue
        try:
            found[name] = interviews.completed(run.db, **{name: value}, limit=1, now=times.now())
        except NotFound as refused:
            findings.append(_finding(name, str(refused), f"give an existing one, or 0 for any {name[:-3]}."))
    if "interview_id" in found:
        findings += _interview_findings(run, values, found)
    return findings


def _interview_findings(run: Run, values: Mapping[str, object], found: Mapping[str, list[Completed]]) -> list[Finding]:
    interview_id, candidate_id = values["interview_id"], values["candidate_id"]
    said = interviews.transcript(run.db, interview_id)
    findings = []
    if not found["interview_id"]:
        what = f"Interview {interview_id} is not completed; it was booked until {times.iso(said.deadline)}."
        findings.append(_finding("interview_id", what, "choose one that is over; tests are not reviewed."))
    if "candidate_id" in found and candidate_id != said.candidate_id:
        what = f"Interview {interview_id} is not candidate {candidate_id}'s."
        findings.append(_finding("candidate_id", what, "set candidate_id to 0, or give the one that the table shows."))
    return findings


def _rating_findings(rating: Mapping[str, object]) -> list[Finding]:
    findings, whole = [], {"interview_id": 1, "overall_score": 0}
    if rating["interview_id"] == 0:
        # One that merely happens to be the only one found is rated by nobody's choice.
        findings.append(_finding("interview_id", "A score needs the interview it is for.", "set interview_id."))
    for field in ("overall_score", "traits", "suggestions"):
        try:
            evaluations.check(whole | {field: rating[field]})
        except EvaluationRefused as refused:
            more = f" (or {NO_SCORE} for no rating)" if field == "overall_score" else ""
            findings.append(_finding(field, str(refused), refused.fix.rstrip(".") + more + "."))
    return findings


def _unused_findings(values: Mapping[str, object]) -> list[Finding]:
    return [
        _finding(name, f"{name} would be lost: without a score nothing is rated.", "set overall_score, or leave it blank.")
        for name in ("traits", "suggestions") if values[name].strip()
    ]  # fmt: skip


@telling
def find(run: Run, asked: Wanted) -> list[Completed]:
    """Completed interviews of the last days, of one candidate or of all, at most LISTED; and the one asked for.

    That one comes first, however old it is, then those without a score, then the last one.
    """
    now = times.now()
    since = now - timedelta(days=asked.days)
    found = interviews.completed(run.db, candidate_id=asked.candidate_id, since=since, limit=LISTED, now=now)
    if asked.interview_id and all(one.interview_id != asked.interview_id for one in found):
        found += interviews.completed(run.db, interview_id=asked.interview_id, now=now)
    return sorted(found, key=lambda one: (one.interview_id != asked.interview_id, one.evaluation is not None))


def chosen(asked: Wanted, found: list[Completed]) -> int | None:
    """The interview to read: the one asked for, or the only one found; None where there is a choice, or nothing."""
    only = found[0].interview_id if len(found) == 1 else None
    return asked.interview_id or only


@dataclass(frozen=True, slots=True)
class Said:
    """One interview as it was said. `troubles` says by recording why its file cannot be read here, and what to do."""

    transcript: Transcript
    folder: Path
    troubles: Mapping[int, str]

    def file_of(self, recorded: Recorded) -> str:
        """Where the file lies, seen from the project's folder."""
        return places.shown(recordings.path_of(self.folder, recorded))


@telling
def read(run: Run, asked: Wanted, found: list[Completed]) -> Said | None:
    """The chosen interview; None where none is."""
    interview_id = chosen(asked, found)
    if interview_id is None:
        return None
    said = interviews.transcript(run.db, interview_id)
    folder = places.resolve(run.settings.recordings_folder)
    troubles = {}
    for recorded in (recorded for reply in said.replies for recorded in reply.recordings):
        try:
            recordings.opened(folder, recorded).close()
        except RecordingsUnusable as trouble:
            troubles[recorded.id] = trouble.line()
    return Said(said, folder, troubles)


def ended_at(one: Completed | Transcript) -> datetime:
    """When it was over: finished by the candidate, or run out."""
    return one.finished_at or one.deadline


@dataclass(frozen=True, slots=True)
class Rating:
    """The evaluation in the record before and after; `after` is None where nothing was written. `asked` is None for none."""

    asked: Mapping[str, object] | None
    before: Evaluation | None
    after: Evaluation | None


@telling
def rate(run: Run, asked: Wanted, said: Said | None, *, dry_run: bool) -> Rating | None:
    """Writes the evaluation that was asked for, unless this is a dry run; one that is there is replaced.

    None where no single interview is looked at. Its details, which other programs keep there, stay.
    """
    if said is None:
        return None
    before = _evaluation_of(run, said.transcript)
    if asked.rating is None or dry_run:
        return Rating(asked.rating, before, None)
    data = asked.rating | {"details": before.details if before else {}}
    now = times.now()
    after = evaluations.update(run.db, before.id, data, now) if before else evaluations.create(run.db, data, now)
    log.info("DEBUG: interview %s: evaluation %s %s", after.interview_id, after.id, "replaced" if before else "created")
    return Rating(asked.rating, before, after)


def _evaluation_of(run: Run, said: Transcript) -> Evaluation | None:
    listed = evaluations.listed(run.db, said.candidate_id, limit=pages.MOST_ROWS)
    return next((one for one in listed.rows if one.interview_id == said.interview_id), None)


@telling
def verdict(run: Run, asked: Wanted, found: list[Completed], said: Said | None, rating: Rating | None) -> str:
    """One sentence on what was found and written. Raises JobFailed if the record does not hold what was written."""
    if said is None:
        return _list_sentence(asked, found)
    interview_id, replies = said.transcript.interview_id, said.transcript.replies
    answered = sum(reply.is_answered for reply in replies)
    parts = [f"Done: interview {interview_id}: {answered} of {len(replies)} questions answered; {_rated(run, rating)}."]
    if said.troubles:
        parts.append("Some of its recordings cannot be read here; see their table.")
    return " ".join(parts)


def _list_sentence(asked: Wanted, found: list[Completed]) -> str:
    whose = f" of candidate {asked.candidate_id}" if asked.candidate_id else ""
    span = f"the last {asked.days} days" if asked.days > 1 else "the last day"
    if not found:
        return f"Done: no interview{whose} was completed in {span}, so there is nothing to review."
    open_ones = sum(one.evaluation is None for one in found)
    return (
        f"Done: {len(found)} interviews{whose} were completed in {span}, {open_ones} not rated yet. To read one, set"
        " interview_id."
    )


def _rated(run: Run, rating: Rating) -> str:
    before = f"{rating.before.overall_score:g}" if rating.before else ""
    if rating.after:
        _check_kept(run, rating.after)
        return f"rated {rating.after.overall_score:g}{f', before {before}' if before else ''}"
    if rating.asked:
        score = f"{rating.asked['overall_score']:g}"
        was = f"replace {before} by {score}" if before else f"rate it {score}"
        return f"a dry run, which writes nothing, would {was}; to write it, set dry_run to False"
    return f"rated {before}" if before else "not rated yet"


def _check_kept(run: Run, written: Evaluation) -> None:
    if evaluations.read(run.db, written.id) != written:
        raise JobFailed(
            f"Evaluation {written.id} was changed by somebody else just now. To fix: run this again without a score, look at"
            " it, and agree with them."
        )
