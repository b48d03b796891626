"""The files of a run: `runs/NOTEBOOK/UTC_ID` with .ipynb, .log and .html. Private until they were checked."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from notebooks.run_names import run_name
from notebooks.runner import regular_files
from notebooks.runner.regular_files import is_regular
from store import places
from store.errors import StoreError

PAGE_TRIES = 2
"""A page that its maker did not come back from twice, killed or hanging, would take the next one along, too."""
_PRIVATE, _PUBLIC = 0o600, 0o666
UNTOLD = ".part.end"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where everything of one run lies. The log is written in its place, and published as a copy of that.

    Notebook and page are written aside and moved to theirs.
    """

    folder: Path
    name: str
    _locks: list[int] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def make(cls, folder: Path) -> "RunFiles":
        """Files for a new run in the folder, its log made. Raises StoreError if they cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                files = cls(folder, run_name())
                try:
                    _make(files.log)
                except FileExistsError:
                    # Another run took the same name in the same second.
                    continue
                try:
                    _make(files.aside)
                    return files
                except OSError:
                    files.log.unlink()
                    raise
        except OSError as error:
            place = places.shown(folder)
            what = f"The folder {place} for executed notebooks cannot be used: {error.strerror}."
            raise StoreError(what, f"make {place} a folder that this user may write, or set RUNS_FOLDER.") from error

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.name}.ipynb"

    @property
    def page(self) -> Path:
        return self.folder / f"{self.name}.html"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def aside(self) -> Path:
        """Where the notebook is written; papermill wants the name to end so."""
        return self.folder / f"{self.name}.part.ipynb"

    @property
    def page_aside(self) -> Path:
        return self.folder / f"{self.name}.part.html"

    @property
    def log_aside(self) -> Path:
        """The copy of the log that is checked: whoever still has the log open cannot change it any more."""
        return self.folder / f"{self.name}.part.log"

    @property
    def torn(self) -> Path:
        """What is left of a notebook that cannot be read any more, for a person to look at."""
        return self.folder / f"{self.name}.torn"

    @property
    def secret_marks(self) -> Path:
        """By what another process is to know whether it knows all secrets of this run."""
        return self.folder / f"{self.name}.part.secrets"

    @property
    def untold(self) -> Path:
        """How the run ended, where the record could not be told: whoever sees to it later tells it."""
        return self.folder / f"{self.name}{UNTOLD}"

    @contextmanager
    def held(self) -> Iterator[bool]:
        """For the length of a block nobody else holds these files; False if somebody does, or nobody can tell.

        Raises OSError if the log cannot be opened.
        """
        self._locks.append(regular_files.opened(self.log, os.O_WRONLY | os.O_APPEND))
        try:
            yield _is_locked(self._locks[0])
        finally:
            while self._locks:
                os.close(self._locks.pop())

    def save(self, text: str) -> None:
        """Writes the notebook aside, whole or not at all, whenever the process is killed."""
        # Half of a pair of surrogates, which no file can hold, becomes JSON's own escape.
        with open(regular_files.made(self._saving), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(self._saving, self.aside)

    def copy_log(self) -> None:
        """Copies the log aside. Raises OSError."""
        with open(regular_files.opened(self.log), "rb") as log, open(regular_files.made(self.log_aside), "wb") as copy:
            shutil.copyfileobj(log, copy)

    @property
    def _saving(self) -> Path:
        return self.folder / f"{self.name}.part.new"

    def publish_notebook(self) -> None:
        """The checked notebook and log may be read by whom the umask allows; of a run that died one may be missing."""
        if is_regular(self.aside):
            _publish(self.aside, self.notebook)
        if is_regular(self.log_aside):
            if self._locks:
                # The lock goes with the name, or others would see to a run that is still at work.
                self._locks.append(regular_files.opened(self.log_aside, os.O_WRONLY))
                _is_locked(self._locks[-1])
            _publish(self.log_aside, self.log)
        places.sync_folder(self.folder)

    def publish_page(self) -> None:
        _publish(self.page_aside, self.page)

    def block(self) -> list[Path]:
        """Keeps what was written for its owner alone, under names that nobody takes for the run's; gives the paths."""
        found = [path for path in (self.aside, self.notebook, self.page_aside, self.log) if is_regular(path)]
        kept = [self.folder / f"{self.name}.blocked{path.suffix}" for path in found]
        for path, target in zip(found, kept, strict=True):
            os.replace(path, target)
            # Notebook and log are out before their page is looked at.
            target.chmod(_PRIVATE)
        self.log_aside.unlink(missing_ok=True)
        self.end()
        return kept

    def begin_page(self) -> bool:
        """Notes that the page is being made; False if that was tried twice before, and nobody came back from it."""
        tried = self._tries.stat().st_size if is_regular(self._tries) else 0
        if tried < PAGE_TRIES:
            with open(regular_files.made(self._tries), "wb") as file:
                file.write(b"." * (tried + 1))
        return tried < PAGE_TRIES

    def end_page(self) -> None:
        """Whoever made the page came back from it."""
        self._tries.unlink(missing_ok=True)

    def end(self) -> None:
        """All is published or kept back, and nobody else is to see to it."""
        self.end_page()
        self.secret_marks.unlink(missing_ok=True)
        self.untold.unlink(missing_ok=True)

    @property
    def _tries(self) -> Path:
        """As many bytes as there were tries to make the page."""
        return self.folder / f"{self.name}.part.tries"

    def drop(self) -> None:
        """Takes away the empty files of a run that did not begin."""
        self.tidy()
        for path in (self.aside, self.log, self.secret_marks):
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Takes away what nobody can use of a run that was killed while it wrote."""
        for path in (self._saving, self.page_aside, self.log_aside):
            path.unlink(missing_ok=True)

    def shown(self) -> dict[str, str]:
        """The kinds and paths of what there is, as people and the record are told."""
        kinds = {"notebook": self.notebook, "page": self.page, "log": self.log}
        return {kind: places.shown(path) for kind, path in kinds.items() if is_regular(path)}


def _make(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Not every network file system knows such locks.
        return False
    return True


def _publish(path: Path, target: Path) -> None:
    descriptor = regular_files.opened(path)
    try:
        os.fsync(descriptor)
        os.fchmod(descriptor, _PUBLIC & ~_umask())
    finally:
        os.close(descriptor)
    os.replace(path, target)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
