"""The desk that tests of cancelling share: a record and a sandbox, where the notebook's steps are taken in order."""

import email
import email.policy
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from booking_desk import DAY, Desk, request, write_file

from mailer.config import MailSettings
from notebooks import cancel_steps, mailing_steps
from notebooks.cancel_steps import Cancelling, Wanted
from notebooks.mailing_steps import Mailing
from notebooks.opened_run import Run
from store import times
from store.cancel_batches import Row


@dataclass
class Taken:
    """What each step gave."""

    asked: Wanted
    found: list[Row]
    done: Cancelling
    mailing: Mailing
    allow_refused: bool

    def verdict(self) -> str:
        return cancel_steps.verdict(self.asked, self.done, self.mailing, allow_refused=self.allow_refused)


@dataclass
class CancelDesk:
    """Books and cancels by the clock of this machine. `file` is the candidates file of what was booked last."""

    desk: Desk
    run: Run
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "booked.csv"

    def book(self, *names: str, **changes) -> list[int]:
        """An interview in two days for each candidate."""
        start = times.now().replace(microsecond=0, second=0) + 2 * DAY
        asked = [request(start, email=f"{name}@cand.example", job_title=f"Nurse {name}", **changes) for name in names]
        write_file(self.file, asked)
        return [self.desk.book(one).interview_id for one in asked]

    def mail(self) -> None:
        """Everything that is queued is delivered."""
        mailing_steps.deliver(self.run, lambda **_: [], dry_run=False, deliver_mail=True, trace=False)

    def cancel(
        self, interviews: str = "", cancel_csv: object = "", *, dry_run: bool = False, allow_refused: bool = False,
        deliver_mail: bool = True,
    ) -> Taken:  # fmt: skip
        """Takes all steps but the verdict."""
        asked = cancel_steps.wanted(self.run, interviews, str(cancel_csv), dry_run=dry_run)
        found = cancel_steps.find(self.run, asked)
        done = cancel_steps.cancel(self.run, asked, found, dry_run=dry_run, allow_refused=allow_refused)
        return Taken(asked, found, done, cancel_steps.deliver(self.run, done, deliver_mail=deliver_mail), allow_refused)

    def states(self) -> list[str]:
        return [state for (state,) in self.desk.rows("SELECT state FROM interview ORDER BY id")]

    def arrived(self) -> dict[str, Counter]:
        """How many mails of each method (REQUEST invites, CANCEL cancels) lie in each candidate's mailbox."""
        found: dict[str, Counter] = {}
        for path in (self.folder / "mailbox" / "new").glob("*"):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            [calendar] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
            found.setdefault(mail["To"].partition("@")[0], Counter())[calendar.get_param("method")] += 1
        return found


@pytest.fixture
def office(desk, tmp_path):
    """A cancel desk whose record is the test's, with nothing booked."""
    desk.now = times.now()
    mail = MailSettings(email_backend="sandbox", sandbox_mailbox=str(tmp_path / "mailbox"))
    run = Run(desk.settings, mail, desk.db, desk.ring, tmp_path / "run.log", {}, ExitStack())
    return CancelDesk(desk, run, tmp_path)
