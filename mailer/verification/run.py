"""The email verification: what is asked, what comes of it, and the one call that runs it. The stages are walked in `walk`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.config import MailSettings
from mailer.verification import parameters, stages, walk
from mailer.verification.stages import AMBER, FAILED, GREEN, NOT_RUN, RED, WARNING, Row
from mailer.verification.walk import Asked, Record
from store import database, session_keys, times
from store.database import Database
from store.errors import Finding, SettingsError
from store.session_keys import KeyRing
from store.settings import Settings

_WHOLE = "from the settings to the opened link"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a run came to: its rows in the order of the stages, and the conversation with secrets masked."""

    rows: tuple[Row, ...]
    began: datetime
    stop_after: str = stages.CALENDAR
    transcript: tuple[str, ...] = ()

    @property
    def light(self) -> str:
        """green, amber (it works as far as it was looked at, and something is to be done) or red."""
        results = {row.result for row in self.rows}
        return RED if FAILED in results else AMBER if results & {WARNING, NOT_RUN} else GREEN

    @property
    def exit_code(self) -> int:
        """The code of the first stage that failed; 0 when none did."""
        found = stages.results(self.rows)
        return next((stage.exit_code for stage in stages.STAGES if found.get(stage.name) == FAILED), 0)

    @property
    def findings(self) -> tuple[Row, ...]:
        """What is to be done, each thing once, the first first: what failed in the order of the stages, then warnings."""
        acts = sorted((row for row in self.rows if row.needs_action), key=lambda row: row.result != FAILED)
        once: dict[str, Row] = {}
        for row in acts:
            once.setdefault(row.fix, row)
        return tuple(once.values())

    @property
    def sentence(self) -> str:
        """What the run means, in words."""
        first = next(iter(self.findings), None)
        if self.light == RED:
            return f"Mail does not work yet. {first.title}: {first.evidence} To fix: {first.fix}"
        if self.light == GREEN:
            whole = self.stop_after == stages.CALENDAR
            return f"Mail works, {_WHOLE}." if whole else f"Nothing is wrong {self._part}."
        to_do = f" Still to do: {first.evidence} To fix: {first.fix}" if first else ""
        return f"Nothing failed{self._reach}.{to_do}"

    @property
    def _reach(self) -> str:
        """How far the run could look, as the end of a sentence."""
        if unseen := dict.fromkeys(stages.UNSEEN[row.code] for row in self.rows if row.code in stages.UNSEEN):
            return f", but not everything was seen: {', and '.join(unseen)}"
        return f", {_WHOLE}" if self.stop_after == stages.CALENDAR else f" {self._part}"

    @property
    def _part(self) -> str:
        last = stages.BY_NAME[self.stop_after]
        return f"as far as this run was to look ({last.title.lower()}){_left_out(last)}"


def _left_out(last: stages.Stage) -> str:
    """What a run that ends with this stage has not done."""
    if last.exit_code < stages.BY_NAME[stages.CONNECT].exit_code:
        return "; no mail server was spoken to"
    return "; no mail was sent" if last.exit_code < stages.BY_NAME[stages.SEND].exit_code else ""


def verify(
    asked: Asked, mail: MailSettings, shared: Settings, record: Record, *,
    clock: Callable[[], datetime] = times.now, told: Callable[[Row], None] = lambda _: None,
    environment: Mapping[str, str] = os.environ,
) -> Verification:  # fmt: skip
    """Runs every stage that can run; `told` gets each row as it comes.

    `environment` is what a portal of this run's own is started with. `record` opens the database and the key ring; it
    is called only if a test mail is to be sent. Raises WrongParameters.
    """
    parameters.check(asked)
    done = walk.Walk(asked, shared, clock, told, environment)
    done.all_stages(mail, record)
    return Verification(done.in_order(), done.started, asked.stop_after, tuple(done.transcript))


def verify_here(asked: Asked, *, told: Callable[[Row], None] = lambda _: None) -> Verification:
    """The verification with the settings, the record and the ring of this environment. Raises WrongParameters."""
    try:
        shared, mail = Settings.load(), MailSettings.load()
    except SettingsError as error:
        return refused(error.findings, told=told)
    opened: list[Database] = []

    def record() -> tuple[Database, KeyRing]:
        opened.append(database.open_record(shared.database_url.get_secret_value()))
        return opened[0], session_keys.load_ring(opened[0], shared.session_key_ring.get_secret_value(), now=times.now())

    try:
        return verify(asked, mail, shared, record, told=told)
    finally:
        for db in opened:
            db.close()


def refused(findings: Sequence[Finding], *, told: Callable[[Row], None] = lambda _: None) -> Verification:
    """The verification of settings that cannot even be read."""
    rows = walk.unreadable(findings)
    for row in rows:
        told(row)
    return Verification(rows, times.now())
