"""The names of runs, and so of the files that they leave."""

import re
import secrets

from store import times

RUN_NAME = re.compile(r"\d{8}T\d{6}Z_[0-9a-f]{4}", re.ASCII)
"""What `run_name` gives looks like this."""


def run_name() -> str:
    """A name for a run's files that sorts by time: `20261130T072000Z_1f3a`."""
    return f"{times.calendar_stamp(times.now())}_{secrets.token_hex(2)}"
