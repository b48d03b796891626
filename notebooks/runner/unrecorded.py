"""The end of a run that the record could not be told, kept beside the run's files until somebody else tells it."""

import json
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from notebooks.bounded_call import CallLeft, call_within
from notebooks.run_names import RUN_NAME
from notebooks.runner import regular_files
from notebooks.runner.run_files import UNTOLD, RunFiles
from store import job_remains, job_runs, places
from store.database import Database
from store.errors import StoreError
from store.job_runs import JobEnd
from store.outcomes import DONE

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


def _read(files: RunFiles) -> UntoldEnd | None:
    """The end that was kept; None for none, or for one that was cut off by a kill."""
    if not regular_files.is_regular(files.untold):
        return None
    try:
        told = json.loads(regular_files.read(files.untold))
        return UntoldEnd(JobEnd(**told["end"]), float(told["ended_at"]))
    except (ValueError, TypeError, KeyError):
        return None


def record_all(db: Database, folders: Iterable[Path]) -> None:
    """Tells the record of each end that was kept in these folders: of a good one that it came, of another why.

    Their artefacts are seen to with what killed runs left. Raises StoreError.
    """
    for folder in folders:
        for path in _kept(folder):
            try:
                _record(db, RunFiles(folder, path.name.removesuffix(UNTOLD)))
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - a cell may have written there whatever it liked
                why = getattr(error, "strerror", None) or type(error).__name__
                log.warning("DEBUG: %s, how a run ended, cannot be read: %s", places.shown(path), why)


def _kept(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{UNTOLD}"))
    except OSError as error:
        log.warning("DEBUG: how runs in %s ended cannot be looked for: %s", places.shown(folder), error.strerror)
        return []


def record_within(db: Database, folders: Iterable[Path], seconds: float) -> None:
    """The same by a thread of its own, which is left after so many seconds: a dead network folder gives no answer."""

    def record() -> None:
        try:
            record_all(db, folders)
        finally:
            db.close()

    try:
        call_within(seconds, record)
    except CallLeft as left:
        log.warning("DEBUG: how runs ended that the record could not be told waits for the next look: %s", left)


def _record(db: Database, files: RunFiles) -> None:
    kept = _read(files)
    if kept is None or not RUN_NAME.fullmatch(files.name) or job_remains.ending(db, files.name) is None:
        return
    if kept.end.outcome == DONE:
        job_remains.settle(db, files.name, kept.end, kept.ended_at)
    else:
        # It stays told as died, so that ops are mailed: nobody mailed them of its own end.
        how = f"Its end could not be recorded: {kept.end.outcome} (exit code {kept.end.exit_code}). {kept.end.message}"
        job_remains.explain(db, files.name, how.strip(), kept.end.counts, kept.end.artefacts)
    if not regular_files.is_regular(files.log):
        # It was kept back with its notebook, so nobody else is to see to it.
        files.end()
