"""The files of a run: `runs/NOTEBOOK/UTC_ID` with .ipynb, .log and .html. Private until they were checked."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from notebooks.run_names import run_name
from store import places
from store.errors import StoreError

_PRIVATE, _PUBLIC = 0o600, 0o666


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where everything of one run lies. The log is written in its place, notebook and page aside and moved there."""

    folder: Path
    name: str

    @classmethod
    def make(cls, folder: Path) -> "RunFiles":
        """Files for a new run in the folder, its log made. Raises StoreError if they cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                files = cls(folder, run_name())
                try:
                    os.close(os.open(files.log, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
                    os.close(os.open(files.aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
                    return files
                except FileExistsError:
                    # Another run took the same name in the same second.
                    continue
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
    def torn(self) -> Path:
        """What is left of a notebook that cannot be read any more, for a person to look at."""
        return self.folder / f"{self.name}.torn"

    @contextmanager
    def held(self) -> Iterator[bool]:
        """For the length of a block nobody else holds these files; False if somebody does, or nobody can tell."""
        with open(self.log, "ab") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # Not every network file system knows such locks.
                yield False
            else:
                yield True

    def save(self, text: str) -> None:
        """Writes the notebook aside, whole or not at all, whenever the process is killed."""
        descriptor = os.open(self._saving, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, _PRIVATE)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self._saving, self.aside)

    @property
    def _saving(self) -> Path:
        return self.folder / f"{self.name}.part.new"

    def publish_notebook(self) -> None:
        """The checked notebook and log may be read by whom the umask allows; of a run that died one may be missing."""
        for path, target in ((self.aside, self.notebook), (self.log, self.log)):
            if path.exists():
                _publish(path, target)
        places.sync_folder(self.folder)

    def publish_page(self) -> None:
        _publish(self.page_aside, self.page)

    def block(self) -> list[Path]:
        """Keeps what was written for its owner alone, under names that nobody takes for the run's; gives the paths."""
        found = [path for path in (self.aside, self.page_aside, self.log) if path.exists()]
        kept = [self.folder / f"{self.name}.blocked{path.suffix}" for path in found]
        for path, target in zip(found, kept, strict=True):
            os.replace(path, target)
        return kept

    def drop(self) -> None:
        """Takes away the empty files of a run that did not begin."""
        self.tidy()
        for path in (self.aside, self.log):
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Takes away what nobody can use of a run that was killed while it wrote."""
        for path in (self._saving, self.page_aside):
            path.unlink(missing_ok=True)

    def shown(self) -> dict[str, str]:
        """The kinds and paths of what there is, as people and the record are told."""
        kinds = {"notebook": self.notebook, "page": self.page, "log": self.log}
        return {kind: places.shown(path) for kind, path in kinds.items() if path.exists()}


def _publish(path: Path, target: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
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
