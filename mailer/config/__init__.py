"""The mail settings: read as typed, checked in one pass, repaired where that is safe. The check is in `checking`."""

from mailer.account import Account
from mailer.config.checking import Checked, check
from mailer.config.mail_settings import MailSettings, know_secrets
from mailer.config.readings import Repair

__all__ = ["Account", "Checked", "MailSettings", "Repair", "check", "know_secrets"]
