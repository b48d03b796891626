"""What killed runs left under private names: after the usual check it becomes their record, and says that they died.

The next run of the same notebook sees to it, and whoever looks for overdue jobs. A run that lives is never touched: its
row has a heartbeat, and its files are held.
"""

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from notebooks import counts
from notebooks.bounded_call import CallLeft, call_within
from notebooks.run_names import RUN_NAME
from notebooks.runner import artefacts, ending, settings_secrets, unrecorded
from notebooks.runner.regular_files import is_regular
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import AGAIN, Verdict
from store import job_remains, places, times
from store.database import Database
from store.errors import StoreError
from store.outcomes import DIED, RUNNING

log = logging.getLogger(__name__)
MOST = 20
"""So many are seen to at once; the others' turn comes with the next run. What cannot be seen to takes no place."""
SECONDS = 60.0
"""So long whoever sees to them waits; a page may take for ever."""
_YOUNG_SECONDS = 60.0
_WAIT_SECONDS = 86_400.0
"""So long somebody with the same settings may come by: their other jobs, or the look for overdue ones."""


def publish(db: Database, folder: Path) -> list[str]:
    """Publishes what dead runs of one notebook left in its folder of `runs/`; gives their names.

    What holds a secret is kept back as ever. A run whose files cannot be seen to is logged and left to the next time.
    Raises StoreError, and OSError if the folder cannot be looked into.
    """
    unrecorded.record_all(db, [folder])
    seen_to = (name for name in _dead(db, folder) if _try_to_see_to(db, RunFiles(folder, name)))
    return list(itertools.islice(seen_to, MOST))


def _dead(db: Database, folder: Path) -> list[str]:
    """The names of runs with files here that ended or died in this record, or never began; the newest first."""
    aside = {path.name.partition(".part.")[0] for path in folder.glob("*.part.*") if is_regular(path)}
    aside = set(filter(RUN_NAME.fullmatch, aside))
    known = job_remains.outcomes(db, folder.name, aside)
    over = {name for name, outcome in known.items() if outcome != RUNNING}
    # Whatever else has a run's name here is of another record, or a copy.
    unbegun = {name for name in aside - known.keys() if _is_empty(RunFiles(folder, name))}
    # Nothing aside, but no end either: it was killed between its notebook's publishing and its last word.
    names = over | unbegun | job_remains.silent(db, folder.name)
    # Without a log here it is of another machine, or somebody took it away.
    return sorted((name for name in names if is_regular(RunFiles(folder, name).log)), reverse=True)


def publish_within(
    db: Database, folders: Iterable[Path], is_asked: Callable[[], bool] = lambda: False, seconds: float = SECONDS
) -> None:
    """As `publish`, for notebooks' folders one after the other, until so many seconds are over or `is_asked`.

    What keeps it from that is only logged, so that no other run's end depends on it.
    """

    def publish() -> None:
        try:
            for folder in folders:
                _try_publish(db, folder)
        finally:
            db.close()

    try:
        call_within(seconds, publish, is_asked)
    except CallLeft as left:
        log.info("DEBUG: what killed runs left waits for the next run: %s", left)


def _try_publish(db: Database, folder: Path) -> None:
    try:
        for name in publish(db, folder):
            log.info("DEBUG: run %s: seen to", name)
    except (StoreError, OSError) as error:
        where = places.shown(folder)
        log.warning("DEBUG: what killed runs left in %s is not published yet, and tried again later: %s", where, error)


def _try_to_see_to(db: Database, files: RunFiles) -> bool:
    try:
        return _see_to(db, files)
    except Exception as error:  # noqa: BLE001 - whatever a dead run left must not be the end of one that lives
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        log.warning(
            "DEBUG: run %s: what it left is not published yet, and tried again after the next run: %s", files.name, why
        )
        return False


def _see_to(db: Database, files: RunFiles) -> bool:
    with files.held() as is_dead:
        told = job_remains.ending(db, files.name)
        if not is_dead or (told and told[0] == RUNNING):
            return False
        if told is None:
            return _drop(files)
        return _publish(db, files, *told)


def _drop(files: RunFiles) -> bool:
    """Takes away what is left of a run that was killed before it began; another record's run is not ours to judge."""
    # A young one may not hold its files yet.
    is_old = time.time() - files.log.stat().st_mtime > _YOUNG_SECONDS
    if is_gone := is_old and _is_empty(files):
        files.drop()
    return is_gone


def _is_empty(files: RunFiles) -> bool:
    return not any(is_regular(path) and path.stat().st_size for path in (files.aside, files.log))


def _publish(db: Database, files: RunFiles, outcome: str, message: str, last_sign: float) -> bool:
    judged = Verdict(outcome, message or _death(outcome, last_sign))
    # With its page everything of it was out.
    if not is_regular(files.page) and not settings_secrets.are_known(files):
        return _keep(db, files, judged, last_sign)
    files.tidy()
    if is_regular(files.aside) and not _is_whole(files):
        # It may be empty: papermill had not begun.
        os.replace(files.aside, files.torn) if files.aside.stat().st_size else files.aside.unlink()
    if is_regular(files.aside):
        ending.mark(files, judged)
    published = artefacts.publish_left(files, judged)
    job_remains.tell(db, files.name, published.message, counts.read(files.notebook), published.shown)
    return True


def _keep(db: Database, files: RunFiles, judged: Verdict, last_sign: float) -> bool:
    """What was written with secrets that this process does not know waits for one that does, and is kept back at last."""
    if time.time() - max(last_sign, files.log.stat().st_mtime) < _WAIT_SECONDS:
        log.warning("DEBUG: run %s: what it left waits for a run with the same secrets in its settings", files.name)
        return False
    files.tidy()
    kept = ", ".join(map(places.shown, files.block()))
    what = "It is not published, for it was written with secrets that the settings do not hold any more"
    job_remains.tell(db, files.name, f"{judged.message} {what}: look through {kept}.".strip(), {}, files.shown())
    return True


def _death(outcome: str, last_sign: float) -> str:
    if outcome != DIED:
        return ""
    at = times.iso(times.from_epoch(last_sign))
    return f"The run was killed, or its machine went down: no sign of life after {at}. {AGAIN}"


def _is_whole(files: RunFiles) -> bool:
    try:
        return bool(ending.read(files)["cells"])
    except (ValueError, KeyError, TypeError):
        return False
