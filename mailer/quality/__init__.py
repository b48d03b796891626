"""The quality of finished mails, by rule: shown whole by mail programs, let through by filters."""

from mailer.quality.message import check_message

__all__ = ["check_message"]
