"""How long a run may wait and take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: how long to wait for another run of the same job, and how long the run and each cell may take."""

    wait: float = 0.0
    total: float | None = None
    cell: float | None = None
