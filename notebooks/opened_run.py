"""One run of a notebook: its settings, record, ring and log, opened together and closed together."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.config import Checked, MailSettings, check
from notebooks import cell_log, parameters
from notebooks.run_names import run_name
from notebooks.stopping import telling
from store import database, places, redaction, session_keys, times
from store.database import Database
from store.errors import SettingsError
from store.session_keys import KeyRing
from store.settings import Settings


@dataclass(slots=True)
class Run:
    """What a notebook works with. `environment` is what its child processes get."""

    settings: Settings
    mail: MailSettings
    db: Database
    ring: KeyRing
    log_path: Path
    environment: dict[str, str]
    _opened: ExitStack

    @property
    def checked_mail(self) -> Checked:
        return check(self.mail, self.settings)

    def close(self) -> None:
        """Closes the log and the record. What is shown of the log is read after this or before; both are complete."""
        self._opened.close()


_OPEN: list[Run] = []
"""The run that this process opened last."""


@telling
def open_run(notebook: str, names: Mapping[str, object], *, rehearsal: bool = False) -> Run:
    """Checks the notebook's parameters, reads the settings, opens the record, the ring and the log.

    `names` is the notebook's `globals()`. A rehearsal works on a record, ring and mailbox of its own, in a temporary
    folder that goes away with the run. The run that this process had open before is closed, once this one is open: an
    opening cell may be run again. Raises JobFailed with every reason and its fix.
    """
    redaction.install_excepthook()
    given = parameters.check(names)
    with ExitStack() as opened:
        environment = dict(os.environ)
        if rehearsal:
            environment |= opened.enter_context(_rehearsal_room())
        settings, mail = _settings(environment, rehearsal)
        path = log_path(notebook, str(given.get("log_file", "")))
        opened.enter_context(cell_log.writing_to(path))
        db = database.open_record(settings.database_url.get_secret_value())
        opened.callback(_close, db)
        ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=times.now())
        run = Run(settings, mail, db, ring, path, environment, opened.pop_all())
    for before in _OPEN:
        before.close()
    _OPEN[:] = [run]
    return run


def _close(db: Database) -> None:
    if not db.is_closed():
        db.close()


@contextmanager
def _rehearsal_room() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="interview-ops-") as folder:
        yield {
            "DATABASE_URL": f"sqlite:///{folder}/interviews.db",
            "SESSION_KEY_RING": f"{folder}/key_ring.json",
            "SANDBOX_MAILBOX": f"{folder}/mailbox",
            "EMAIL_BACKEND": "sandbox",
        }


def _settings(environment: dict[str, str], rehearsal: bool) -> tuple[Settings, MailSettings]:
    if not rehearsal:
        return Settings.load(), MailSettings.load()
    return (
        Settings.load(database_url=environment["DATABASE_URL"], session_key_ring=environment["SESSION_KEY_RING"]),
        MailSettings.load(email_backend="sandbox", sandbox_mailbox=environment["SANDBOX_MAILBOX"]),
    )


def log_path(notebook: str, log_file: str) -> Path:
    """Where a run's log goes: the file that was asked for, or one of its own in RUNS_FOLDER."""
    if log_file:
        return places.resolve(log_file)
    return places.resolve(_runs_folder()) / notebook / f"{run_name()}.log"


def _runs_folder() -> str:
    try:
        return Settings.load().runs_folder
    except SettingsError:
        # What is wrong with the settings is told by whoever needs them; a log is kept all the same.
        return Settings.model_fields["runs_folder"].default
