"""Runs one notebook as a job: its lock, its guarded kernel, its verdict, and its record in `runs/` and in the database."""

from notebooks.runner.last_word import Result
from notebooks.runner.runs import Limits, StoppedWaiting, run

__all__ = ["Limits", "Result", "StoppedWaiting", "run"]
