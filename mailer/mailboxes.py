"""Where the mails of an account can be read back: the sandbox's Maildir, or a mailbox by IMAP. Reading is theirs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime

from mailer.account import SANDBOX
from mailer.config import Checked
from mailer.errors import MailerError
from mailer.imap_mailbox import ImapMailbox
from mailer.mailbox import Mailbox

Mailboxes = Mailbox | ImapMailbox


def readable(
    checked: Checked, since: datetime | None, trace: Callable[[str], None] = lambda _: None
) -> AbstractContextManager[Mailboxes | None]:
    """The mailbox to read back from in a `with`; None where none is set. `since` (aware) leaves out what is older.

    `trace` gets what is asked of a mailbox by IMAP, without secrets.

    Entering it raises ImapRefused and TokenRefused.
    """
    if checked.account is not None and checked.account.backend == SANDBOX:
        return nullcontext(Mailbox(checked.account.mailbox))
    return ImapMailbox(checked.imap, since=since, trace=trace) if checked.imap is not None else nullcontext(None)


@contextmanager
def opened_or_refused(checked: Checked, since: datetime | None) -> Iterator[Mailboxes | MailerError | None]:
    """As `readable`, already entered; a mailbox that refuses gives its refusal instead of raising it."""
    with ExitStack() as opened:
        try:
            mailbox = opened.enter_context(readable(checked, since))
        except MailerError as refused:
            mailbox = refused
        yield mailbox
