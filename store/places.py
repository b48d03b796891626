"""Where things lie: every relative path is seen from the project's root, never from the working directory."""

import os
from pathlib import Path

from store.errors import StoreError

ROOT = Path(__file__).resolve().parent.parent


def resolve(path: str | Path) -> Path:
    """An absolute path; a relative one is taken from the project's root. Raises StoreError for `~` of an unknown user."""
    try:
        return ROOT / Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0][:40]
        raise StoreError(f"There is no home folder {user}.", "write the path without ~.") from None


def shown(path: str | Path) -> str:
    """The path as people read it: relative to the project's root where it lies inside."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def sync_folder(folder: Path) -> None:
    """Returns when the folder's entries are on the disk: a new or renamed file is there after a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
