"""Where things lie: every relative path is seen from the project's root, never from the working directory."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def resolve(path: str | Path) -> Path:
    """An absolute path; a relative one is taken from the project's root."""
    return ROOT / Path(path).expanduser()


def shown(path: str | Path) -> str:
    """The path as people read it: relative to the project's root where it lies inside."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
