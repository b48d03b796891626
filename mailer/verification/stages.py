"""The stages of an email verification: their order, what each needs, their exit codes, and the rows they give.

What a stage looks at is in its own module (`dns_checks`, `line_checks`, `trial`); `verification` runs them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

OK, WARNING, FAILED, NOT_RUN = "ok", "warning", "failed", "not run"
GREEN, AMBER, RED = "green", "amber", "red"

SETTINGS, DNS, CONNECT, HELLO, TLS, LOGIN = "settings", "dns", "connect", "hello", "tls", "login"
ADDRESSES, SEND, READ_BACK, LINK, CALENDAR = "addresses", "send", "read_back", "link", "calendar"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. It is not run when one that it needs has failed or was not run itself."""

    name: str
    title: str
    exit_code: int
    needs: tuple[str, ...] = ()


STAGES = (
    Stage(SETTINGS, "Settings", 10),
    Stage(DNS, "Domain names", 11, (SETTINGS,)),
    Stage(CONNECT, "Connection", 12, (SETTINGS, DNS)),
    Stage(HELLO, "Greeting", 13, (CONNECT,)),
    Stage(TLS, "Encryption", 14, (CONNECT,)),
    Stage(LOGIN, "Login", 15, (HELLO, TLS)),
    Stage(ADDRESSES, "Sender and recipient", 16, (LOGIN,)),
    Stage(SEND, "Test invitation", 17, (ADDRESSES,)),
    Stage(READ_BACK, "Read back", 18, (SEND,)),
    Stage(LINK, "Link", 19, (SEND,)),
    Stage(CALENDAR, "Calendar", 20, (READ_BACK,)),
)
BY_NAME = {stage.name: stage for stage in STAGES}

NOT_ASKED = "from_domain_not_asked"
OWN_PORTAL = "link.own_portal"
UNSEEN = {
    NOT_ASKED: "the records of the From domain were not asked for",
    "read_back.no_imap": "what arrived was not read back",
    "read_back.not_ours": "what arrived was not read back",
    OWN_PORTAL: "the link does not open at BACKEND_URL",
}
"""By the code of a warning, what the run could not see of the way of a mail."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one look of a stage came to; nothing in it is secret.

    `evidence` is one line of what was seen. `code` names the finding (empty for one that is ok), `fix` is what to do.
    `begun` is seconds since the verification began, `seconds` how long the look took.
    """

    stage: str
    title: str
    result: str
    evidence: str
    fix: str = ""
    code: str = ""
    begun: float = 0.0
    seconds: float = 0.0

    @property
    def needs_action(self) -> bool:
        return self.result in (FAILED, WARNING)


def results(rows: Iterable[Row]) -> dict[str, str]:
    """The result of each stage that has rows: that of its worst row."""
    worst: dict[str, str] = {}
    for row in rows:
        if _BADNESS[row.result] >= _BADNESS[worst.get(row.stage, OK)]:
            worst[row.stage] = row.result
    return worst


_BADNESS = {OK: 0, NOT_RUN: 1, WARNING: 2, FAILED: 3}


def exit_code_of(stage: str) -> int:
    """The exit code of a run in which this stage is the first that failed."""
    return BY_NAME[stage].exit_code


def missing(stage: str, rows: Iterable[Row]) -> str:
    """The title of what this stage needs and does not have, empty if it can run."""
    done = results(rows)
    for name in BY_NAME[stage].needs:
        if done.get(name, NOT_RUN) in (FAILED, NOT_RUN):
            return BY_NAME[name].title
    return ""


def not_run(stage: str, why: str) -> Row:
    return Row(stage, BY_NAME[stage].title, NOT_RUN, why)
