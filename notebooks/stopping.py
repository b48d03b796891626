"""How a notebook stops: one error whose text is for ops, a line a reason, each with what to do."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from store.errors import Refusal
from store.redaction import redact

log = logging.getLogger(__name__)
Given, Result = ParamSpec("Given"), TypeVar("Result")


class JobFailed(Exception):
    """The job did not do all it was asked to."""


class SettingsWrong(JobFailed):
    """The job was not begun: its parameters or settings are wrong. The runner knows it by this name (exit code 2)."""


def telling(step: Callable[Given, Result]) -> Callable[Given, Result]:
    """A step whose refusals reach the notebook as JobFailed, in words and with the fix instead of a long traceback."""

    @wraps(step)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return step(*args, **kwargs)
        except Refusal as error:
            text = redact("\n".join(error.lines()))
            log.error("DEBUG: stopped: %s", text)
            raise (SettingsWrong if error.findings else JobFailed)(text) from None

    return told
