"""What is told of a run whose record cannot be written, checked or published: which file, why, and what to do."""

import errno
import os
import traceback
from collections.abc import Mapping
from pathlib import Path

from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import Verdict
from store import places
from store.errors import Refusal
from store.job_runs import JobEnd
from store.outcomes import EXIT_CODES, FAILED

_WHAT = "The run could not be written or published"
_AGAIN = "and run it again; what is done is not done twice."
_RIGHTS = "give this user the right to read and write it and its folder,"
_FIXES = {
    errno.ENOSPC: "make room on its disk,",
    errno.EDQUOT: "make room in this user's share of the disk,",
    errno.ENOENT: "leave the run's files where they are, in the notebook and in whatever tidies the folder,",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "have its file system mounted for writing,",
}
_OF_MACHINE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_OTHER_FIX = "see that it is what it should be, a file or folder on a disk that works,"


def end(files: RunFiles, judged: Verdict, error: Exception, peak_memory: int | None) -> JobEnd:
    """The end of a run that was judged so before this error came: its own outcome, or failed where that was good."""
    message = line(files, error)
    if not judged.is_good:
        message += f" The run itself: {judged.outcome}. {judged.message}"
    outcome = FAILED if judged.is_good else judged.outcome
    return JobEnd(outcome, EXIT_CODES[outcome], message, artefacts=_artefacts(files), peak_memory=peak_memory)


def line(files: RunFiles, error: Exception) -> str:
    """One line for people: what could not be written or published, and what to do."""
    if isinstance(error, Refusal):
        return f"{_WHAT}: {error.line()}"
    # ZeroMQ's errors have the system's numbers, and are none of the system's.
    if (number := getattr(error, "errno", None)) in _OF_MACHINE:
        fix = f"end other programs, or raise this user's limits (ulimit -a), {_AGAIN}"
        return f"The machine has no room for the run ({os.strerror(number)}). To fix: {fix}"
    if isinstance(error, OSError):
        place = Path(error.filename) if isinstance(error.filename, (str, os.PathLike)) else _at_work_on(files)
        why, fix = error.strerror or str(error), _FIXES.get(error.errno, _OTHER_FIX)
        return f"{_WHAT} ({places.shown(place)}: {why}). To fix: {fix} {_AGAIN}"
    told = f"{places.shown(_at_work_on(files))}: {type(error).__name__}: {error}, at {_place_of(error)}"
    fix = "look which cell puts out what no notebook may hold, take that out,"
    return f"{_WHAT} ({told}). To fix: {fix} {_AGAIN}"


def _at_work_on(files: RunFiles) -> Path:
    """The file that was being written or read: notebook and page are made in this order, and then the notebook is read."""
    if not files.notebook.exists():
        return files.aside
    return files.notebook if files.page.exists() else files.page


def _place_of(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _artefacts(files: RunFiles) -> Mapping[str, str]:
    try:
        return files.shown()
    except OSError:
        # The error that is told is about the same folder.
        return {}
