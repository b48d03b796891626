"""Runs one notebook as a job: its lock, its guarded kernel, its verdict, and its record in `runs/` and in the database."""

from notebooks.runner.runs import Limits, Result, StoppedWaiting, run

__all__ = ["Limits", "Result", "StoppedWaiting", "run"]
