"""The steps of load_questions.ipynb, one function a cell: read the file, plan each job, load, and the verdict."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from notebooks import counts
from notebooks.opened_run import Run
from notebooks.stopping import JobFailed, telling
from store import places, questions, questions_file, times
from store.ledger import find_jobs
from store.questions import Question
from store.questions_file import NEW, UNCHANGED, JobPlan, QuestionsFile

log = logging.getLogger(__name__)

SAMPLE = "notebooks/data/questions_sample.csv"
_OUTCOMES = {NEW: "with first questions", UNCHANGED: "unchanged"}


@dataclass(frozen=True, slots=True)
class JobChange:
    """One job of the file: what loading does to it, and what is asked before and afterwards."""

    plan: JobPlan
    before: tuple[Question, ...]
    after: tuple[Question, ...]

    @property
    def dropped(self) -> tuple[Question, ...]:
        """What is asked no longer."""
        return tuple(question for question in self.before if question not in self.after)


@telling
def read(run: Run, questions_csv: str) -> QuestionsFile:
    """The file, with every row that cannot be used; without a name the sample."""
    return questions_file.read(places.resolve(questions_csv or SAMPLE), run.settings)


@telling
def plan(run: Run, file: QuestionsFile) -> list[JobChange]:
    """What loading would do, job by job; nothing for a file with faults."""
    plans = questions_file.plan(run.db, file)
    known = find_jobs(run.db, [job.identity for job in file.jobs]) if plans else {}
    before = [questions.of_job(run.db, known[job.identity].id) if job.identity in known else () for job in file.jobs]
    return [
        JobChange(planned, asked, job.questions) for planned, asked, job in zip(plans, before, file.jobs, strict=False)
    ]


@telling
def load(run: Run, file: QuestionsFile, *, dry_run: bool) -> list[JobPlan]:
    """Loads the whole file in one transaction; nothing in a dry run, or of a file with faults."""
    if dry_run or file.faults:
        return []
    done = questions_file.load(run.db, file, times.now())
    log.info("DEBUG: questions loaded from %s: jobs %s", file.name, _counted(done))
    return done


def verdict(file: QuestionsFile, planned: list[JobChange], done: list[JobPlan]) -> str:
    """One sentence for a file that is loaded, or could be. Raises JobFailed for one with faults."""
    counts.tell(jobs=len(planned), jobs_loaded=len(done), faults=len(file.faults))
    if file.faults:
        count = len(file.faults)
        which = f"{count} rows" if count > 1 else "One row"
        raise JobFailed(
            f"{which} of {file.name} cannot be used, so nothing is loaded. To fix: correct the file as the table of faults says."
        )
    if done:
        return f"Done: jobs of {file.name}: {_counted(done)}. Interviews that had begun keep their questions."
    would = _counted(change.plan for change in planned)
    return f"Done: a dry run, nothing is loaded. Jobs of {file.name}: {would}. To load them, set dry_run to False."


def _counted(plans: Iterable[JobPlan]) -> str:
    """`2 with first questions, 1 replaced, 3 unchanged`"""
    counts = Counter(_OUTCOMES.get(planned.action, "replaced") for planned in plans)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
