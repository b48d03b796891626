"""Where the toolkit is installed, and how a scheduler calls it there."""

import re
from dataclasses import dataclass
from pathlib import Path

from notebooks.schedule.reading import FILE, ScheduledJob
from store import places
from store.errors import StoreError

OVERDUE_MINUTES = 15
"""So often somebody looks whether a job is overdue."""
# What a shell, cron and systemd each take as it is.
_PLAIN = re.compile(r"/[A-Za-z0-9._/+@-]*", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with the toolkit and its `.venv`, and the user whose jobs run there. Raises StoreError if unusable."""

    folder: str = "/opt/interview-ops"
    user: str = "interview-ops"
    schedule: Path = FILE

    def __post_init__(self) -> None:
        for text in (self.folder, str(self.schedule)):
            if not _PLAIN.fullmatch(text):
                fix = "give an absolute path of letters, digits and the signs ._/+@- only."
                raise StoreError(f"{text[:200]!r} cannot stand in a scheduler's file.", fix)
        if not _USER.fullmatch(self.user):
            fix = "give a name of small letters, digits, - and _ (useradd --system interview-ops)."
            raise StoreError(f"{self.user[:40]!r} is no user's name.", fix)

    @property
    def is_usual(self) -> bool:
        """Whether the schedule is the one that commands take when they are not told of another."""
        return self.schedule == FILE

    @property
    def source(self) -> str:
        """The schedule's file, as people find it."""
        return places.shown(self.schedule)

    @property
    def python(self) -> str:
        return f"{self.folder}/.venv/bin/python"

    def run(self, job: ScheduledJob) -> str:
        """What runs the job, from the folder."""
        return f"-m notebooks run --job {job.name}{self._other_schedule}"

    @property
    def overdue(self) -> str:
        return f"-m notebooks overdue --mail{self._other_schedule}"

    @property
    def _other_schedule(self) -> str:
        if self.is_usual:
            return ""
        is_inside = self.schedule.is_relative_to(places.ROOT)
        # The file of this checkout is at the same place in the other folder.
        path = self.schedule.relative_to(places.ROOT) if is_inside else self.schedule
        return f" --schedule {path}"
