"""What was delivered of each mail, for a proof: its copies held to the record, or why nobody could look.

A mailbox that cannot be read is a reason beside each mail, not the end of the proof: the links are opened all the same.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from mailer.errors import MailerError
from mailer.imap_mailbox import ImapMailbox, RemoteMail
from mailer.mailbox import Delivered, Mailbox
from mailer.mailboxes import Mailboxes
from mailer.proof_cases import Case, Listed
from mailer.proof_checks import Booked, Problem, problems_of

log = logging.getLogger(__name__)

DELIVERY_NOT_CHECKED = "delivery not checked"
_LOST = "look into SANDBOX_MAILBOX and the sandbox's log; if it is lost, mail the candidate again."
_LOST_ON_THE_WAY = (
    "look into the mail server's log or the provider's list of messages, and for a bounce in the sender's mailbox; if it"
    " is lost, mail the candidate again."
)
_NO_READ_BACK = Problem(
    "not_read_back",
    "It was sent, but what arrived at a real mail server is not read back.",
    "send to the sandbox to have mails read back, or set IMAP_HOST, IMAP_USER and IMAP_PASSWORD of a mailbox of yours.",
)
_NOT_OURS = Problem(
    "not_ours",
    "It was sent, but not to the mailbox that is read back.",
    "prove a mail to a mailbox of yours (`python -m mailer verify`); what others get only they can look at.",
)
_SPAM_FIX = (
    "publish SPF, DKIM and DMARC for the From domain (`python -m mailer verify` tells what is missing), and mark the"
    " mail as no spam."
)


class ReadBack:
    """The opened mailbox of one proof, the refusal to open it, or None where none is set.

    `refused` is why it cannot be read; from then on nothing more is asked of it. No method raises.
    """

    def __init__(self, mailbox: Mailboxes | MailerError | None):
        self.refused: MailerError | None = None
        self._mailbox = None if isinstance(mailbox, MailerError) else mailbox
        self._has_looked_again = False
        if isinstance(mailbox, MailerError):
            self._refuse(mailbox)

    def wait_for(self, message_ids: Collection[str], seconds: float) -> None:
        """Returns once all have arrived at a real server, or after the seconds; nothing is late in the sandbox."""
        if isinstance(self._mailbox, ImapMailbox):
            with self._or_refused():
                self._mailbox.wait_for(message_ids, seconds)

    def doubtful(self, mails: Sequence[Listed]) -> set[int]:
        """The ids of the mails that a sample must hold: those unsent, and those not found exactly once."""
        doubtful = {mail.id for mail in mails if mail.is_unsent}
        if self._mailbox is not None and self.refused is None:
            with self._or_refused():
                self._mailbox.index()
                doubtful |= {mail.id for mail in mails if len(self._mailbox.find(mail.message_id)) != 1}
        return doubtful

    def look_again(self) -> None:
        """A mail that is missing may have arrived meanwhile: from now on one more look is allowed."""
        self._has_looked_again = False

    def of(self, case: Case, booked: Booked) -> tuple[str, list[Problem]]:
        """What was delivered, in words, and everything about it that is not as booked."""
        if self._mailbox is not None and self.refused is None:
            with self._or_refused():
                return self._looked_at(case, booked)
        return DELIVERY_NOT_CHECKED, []

    @property
    def why_not(self) -> Problem:
        """Why a mail was not checked."""
        if self.refused is not None:
            return Problem("unreadable_mailbox", f"It was sent, but not read back: {self.refused}", self.refused.fix)
        return _NO_READ_BACK if self._mailbox is None else _NOT_OURS

    @contextmanager
    def _or_refused(self) -> Iterator[None]:
        try:
            yield
        except MailerError as error:
            self._refuse(error)

    def _refuse(self, error: MailerError) -> None:
        self.refused = error
        log.error("PROOF: The mailbox cannot be read back: %s", error.line())

    def _looked_at(self, case: Case, booked: Booked) -> tuple[str, list[Problem]]:
        copies = self._copies(case.message_id)
        if not copies:
            return self._missing(case)
        count = "1 copy" if len(copies) == 1 else f"{len(copies)} copies"
        problems = problems_of(copies, booked)
        spam = sorted({copy.folder for copy in copies if isinstance(copy, RemoteMail) and copy.is_spam})
        if spam:
            problems.append(Problem("spam", f"It arrived in the spam folder ({', '.join(spam)}).", _SPAM_FIX))
        return f"{count}, in spam" if spam else count, problems

    def _missing(self, case: Case) -> tuple[str, list[Problem]]:
        faults = len(self._mailbox.faults)
        unread = f" ({faults} files there cannot be read as mails)" if faults else ""
        what = f"It was sent, but it is not in the mailbox{unread}."
        if isinstance(self._mailbox, Mailbox):
            return "missing", [Problem("missing", what, _LOST)]
        if not self._mailbox.receives(case.recipient):
            return DELIVERY_NOT_CHECKED, []
        return "missing", [Problem("missing", what, _LOST_ON_THE_WAY)]

    def _copies(self, message_id: str) -> list[Delivered]:
        copies = self._mailbox.find(message_id)
        if not copies and not self._has_looked_again:
            # It may have arrived since the mailbox was read.
            self._has_looked_again = True
            self._mailbox.index()
            copies = self._mailbox.find(message_id)
        return copies
