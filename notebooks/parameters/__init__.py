"""What a notebook can be given: its parameters cell read, and values checked against it; no kernel is started here."""

from notebooks.parameters.checks import LOG_FILE, check, given

__all__ = ["LOG_FILE", "check", "given"]
