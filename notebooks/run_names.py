"""The names of runs, and so of the files that they leave."""

import secrets

from store import times


def run_name() -> str:
    """A name for a run's files that sorts by time: `20261130T072000Z_1f3a`."""
    return f"{times.calendar_stamp(times.now())}_{secrets.token_hex(2)}"
