"""The mail settings as they are typed, checked in one pass, repaired where that is safe. The check is in `checking`."""

from mailer.account import Account
from mailer.config.checking import Checked, check
from mailer.config.readings import Repair
from mailer.mail_settings import MailSettings

__all__ = ["Account", "Checked", "MailSettings", "Repair", "check"]
