"""The end of a run that the record could not be told, kept beside the run's files until somebody else tells it."""

import json
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from notebooks.runner import regular_files
from notebooks.runner.run_files import UNTOLD, RunFiles
from store import job_remains, job_runs, places
from store.database import Database
from store.job_runs import DONE, JobEnd

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UntoldEnd:
    """How a run ended, and when (epoch seconds)."""

    end: JobEnd
    ended_at: float


def keep(files: RunFiles, end: JobEnd) -> None:
    """Keeps the end for a later run, or for `overdue`. Where it cannot be kept, the run will be told as died."""
    shown = asdict(end) | {"message": job_runs.shown_message(end.message)}
    with suppress(OSError), open(regular_files.made(files.untold), "w", encoding="ascii") as file:
        json.dump({"end": shown, "ended_at": time.time()}, file)


def read(files: RunFiles) -> UntoldEnd | None:
    """The end that was kept; None for none, or for one that was cut off by a kill. Raises OSError."""
    if not regular_files.is_regular(files.untold):
        return None
    try:
        told = json.loads(regular_files.read(files.untold))
        return UntoldEnd(JobEnd(**told["end"]), float(told["ended_at"]))
    except (ValueError, TypeError, KeyError):
        return None


def record_good_ones(db: Database, folders: Iterable[Path]) -> None:
    """Records the runs of these folders that ended well; their artefacts are seen to with what killed runs left.

    Raises StoreError.
    """
    for path in (path for folder in folders for path in folder.glob(f"*{UNTOLD}")):
        files = RunFiles(path.parent, path.name.removesuffix(UNTOLD))
        try:
            record(db, files)
        except OSError as error:
            log.warning("DEBUG: how run %s ended cannot be read in %s: %s", files.name, places.shown(path), error)


def record(db: Database, files: RunFiles) -> JobEnd | None:
    """The end that was kept; it is in the record then if it was good. None for none. Raises OSError and StoreError."""
    kept = read(files)
    if kept is not None and kept.end.outcome == DONE:
        job_remains.settle(db, files.name, kept.end, kept.ended_at)
    return kept and kept.end
