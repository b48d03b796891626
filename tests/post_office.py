"""Where the tests of delivery send from: a desk with mails queued, a scripted server, a clock that only pauses move."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from booking_desk import Desk, write_file
from smtp_server import SmtpServer, account

from mailer.account import Account
from mailer.delivery import DeliveryReport, deliver
from store import booking, database, outbox
from store.database import execute

FIXED = "To fix:"
TROUBLES = ("[EMAIL FAILED]", "[EMAIL UNKNOWN]", "[EMAIL NOT SENT]")


class PatchedPauses(threading.Event):
    """A stop that never comes; waiting for it takes no time but moves the desk's clock."""

    def __init__(self, desk: Desk):
        super().__init__()
        self.desk, self.pauses = desk, []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout:
            self.pauses.append(timeout)
            self.desk.now += timedelta(seconds=timeout)
        return self.is_set()


@dataclass
class PostOffice:
    """Books and delivers on one record. `later` moves the clock."""

    desk: Desk
    folder: object
    request_of: object
    booked: list[booking.Booking] = field(default_factory=list)

    def book(self, count: int, **changes) -> list[booking.Booking]:
        """That many interviews, each of its own candidate: c0, c1, ..."""
        first = len(self.booked)
        names = [f"c{number}" for number in range(first, first + count)]
        made = [
            self.desk.book(self.request_of(email=f"{name}@cand.example", job_title=f"Nurse {name}", **changes))
            for name in names
        ]
        self.booked += made
        return made

    def book_file(self, count: int) -> None:
        """That many interviews in one batch: c0, c1, ..."""
        path = self.folder / "batch.csv"
        write_file(path, [self.request_of(email=f"c{n}@cand.example", job_title=f"Nurse {n}") for n in range(count)])
        self.desk.apply(path)

    def deliver(self, server: SmtpServer, *, stop=None, trace=True, interview_id=None, clock=None, **changes):
        """One run as this server's account; `changes` are the account's."""
        given = {"stop": stop, "trace": trace, "interview_id": interview_id, "clock": clock or (lambda: self.desk.now)}
        return self.deliver_as(account(server, **changes), **given)

    def deliver_as(self, sender: Account, **given) -> DeliveryReport:
        desk = self.desk
        given = {"clock": lambda: desk.now, "ring": desk.ring} | given
        return deliver(desk.db, account=sender, settings=desk.settings, **given)

    def patched_pauses(self) -> PatchedPauses:
        return PatchedPauses(self.desk)

    @property
    def is_sqlite(self) -> bool:
        return database.is_sqlite(self.desk.db)

    def later(self, seconds: float) -> None:
        self.desk.now += timedelta(seconds=seconds)

    def elsewhere(self, action, *given, **more):
        """Runs an action of the desk as another program would: on a connection of its own, closed afterwards."""
        result = []

        def run():
            try:
                result.append(action(*given, **more))
            finally:
                self.desk.db.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(10)
        assert result, "the other program's action did not end well"
        return result[0]

    def states(self) -> list[str]:
        return [row[0] for row in self.desk.rows("SELECT state FROM notification ORDER BY id")]

    def row(self, name: str) -> dict[str, object]:
        """The newest mail to `name`."""
        columns = ("id", "interview_id", "state", "attempts", "due_at", "handed_over_at", "hand_over", "signature", "reply",
                   "fix", "owner", "message_id")  # fmt: skip
        sql = f"SELECT {', '.join(columns)} FROM notification WHERE recipient = ? ORDER BY id DESC LIMIT 1"
        return dict(zip(columns, self.desk.rows(sql, f"{name}@cand.example")[0], strict=True))

    def damage(self, booked: booking.Booking, **facts) -> None:
        """Writes facts into a queued mail that no booking would have made."""
        sql = "SELECT facts FROM notification WHERE id = ?"
        text = self.desk.rows(sql, booked.notification_id)[0][0]
        for name, value in facts.items():
            start = text.index(f'"{name}":')
            end = min(at for at in (text.find(',"', start), text.find("}", start)) if at > 0)
            text = f'{text[:start]}"{name}":{value}{text[end:]}'
        execute(self.desk.db, "UPDATE notification SET facts = ? WHERE id = ?", (text, booked.notification_id))

    def queue_again(self, name: str) -> None:
        assert outbox.resend(self.desk.db, self.row(name)["id"], now=self.desk.epoch)


@pytest.fixture
def post(desk, request_of, tmp_path):
    """A post office with nothing booked yet."""
    return PostOffice(desk, tmp_path, request_of)


@pytest.fixture
def lines(caplog):
    """The messages logged so far."""
    caplog.set_level("INFO")
    return lambda *tags: [line for line in caplog.messages if line.startswith(tags or ("",))]


@pytest.fixture
def troubles_are_told(lines):
    """After the test: every line about trouble names interviews and ends with what to do."""
    yield
    for line in lines(*TROUBLES):
        assert "interview " in line
        assert FIXED in line
        assert line.partition(FIXED)[2].strip()
