"""The heartbeat of a run: its lock and its row say every few seconds that it lives."""

import logging
import threading
import time
from types import TracebackType

from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.watch import LOST_SECONDS, Watch
from store import database, job_locks, job_runs
from store.database import Database
from store.errors import StoreError
from store.job_locks import HEARTBEAT_SECONDS, STALE_SECONDS, JobLock
from store.outcomes import FAILED, OVERTAKEN

log = logging.getLogger(__name__)
_MARGIN_SECONDS = LOST_SECONDS
"""So long before the lock may be taken over, a run that cannot renew it begins to stop."""
_BEAT_SECONDS = 1.0
"""A beat that takes no longer may be one late: after a machine that stood still, it tells whose the lock is."""


class Heart:
    """Beats in a thread for the length of a block, and has the run stopped when its lock is lost."""

    def __init__(self, db: Database, lock: JobLock, run_id: int, watch: Watch, every: float = HEARTBEAT_SECONDS):
        self._db, self._lock, self._run_id, self._watch, self._every = db, lock, run_id, watch, every
        self.kernel: PrivateKernel | None = None
        self._beat_began: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heart", daemon=True)

    def __enter__(self) -> "Heart":
        self._last = time.monotonic()
        self._watch.listen(self._is_stuck)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(self._every):
                if self.kernel:
                    self.kernel.look()
                self._beat()
        finally:
            # Without a heartbeat another run would begin beside this one.
            if not self._ended.is_set():
                self._watch.stop(FAILED, "The heartbeat of this run broke off, so another run might have begun.")
            self._db.close()

    def _is_stuck(self) -> bool:
        """Whether a beat waits for the database so long that the lock may soon be another's."""
        began, now = self._beat_began, time.monotonic()
        return began is not None and now - began > _BEAT_SECONDS and now - self._last > STALE_SECONDS - _MARGIN_SECONDS

    def _beat(self) -> None:
        began = self._beat_began = time.monotonic()
        try:
            with database.changing(self._db):
                # In the order in which a run's end writes them: two that lock each other's rows would wait for ever.
                job_runs.beat(self._db, self._run_id)
                is_held = job_locks.beat(self._db, self._lock)
        except StoreError as error:
            log.warning("DEBUG: heartbeat: %s", error.line())
            # The next one comes only after a while.
            if time.monotonic() - self._last > STALE_SECONDS - _MARGIN_SECONDS - self._every:
                self._watch.stop(FAILED, f"The lock could not be kept, so another run might have begun: {error}")
            return
        finally:
            self._beat_began = None
        if not is_held:
            self._watch.stop(OVERTAKEN, f"Another run took the job over: no sign of life for {STALE_SECONDS:g} s.")
        # As the lock counts it: from when the beat was sent.
        self._last = began
