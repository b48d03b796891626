"""The gate before a batch that really sends: the way of the mails and of their links, and a canary mail if one is wanted.

What it looks at is in `preflight_looks`, which a run that sends nothing does not load.
"""

from typing import TYPE_CHECKING

from IPython.display import HTML

from mailer.account import SANDBOX
from notebooks import tables
from notebooks.opened_run import Run
from notebooks.stopping import JobFailed, SettingsWrong, telling

if TYPE_CHECKING:
    from mailer.verification import Verification


@telling
def check(
    run: Run, *, dry_run: bool, deliver_mail: bool, preflight: bool, canary: str, portal_url: str
) -> "Verification | None":
    """Looks at the way of the mails before the first candidate is booked; None where nothing is to be looked at.

    The portal at BACKEND_URL (or `portal_url`) must be this record's. With a `canary` address a test invitation goes
    there first, its link is opened at that portal, and it is read back where IMAP_* are set. Raises JobFailed with the
    first thing to do (then no candidate was booked or mailed), and SettingsWrong for parameters that cannot be used, in
    a dry run also.
    """
    account = run.checked_mail.account
    leaves = account is None or account.backend != SANDBOX
    is_wanted = deliver_mail and not dry_run and bool(canary or (preflight and leaves))
    if not (is_wanted or canary or portal_url):
        return None
    from notebooks import preflight_looks

    asked = preflight_looks.asked(canary, portal_url)
    if not is_wanted:
        return None
    done = preflight_looks.look(run, asked)
    if done.exit_code:
        raise _stop_of(done)(preflight_looks.reason(done, canary))
    return done


def _stop_of(done: "Verification") -> type[JobFailed]:
    from mailer.verification import stages

    return SettingsWrong if done.findings[0].stage == stages.SETTINGS else JobFailed


def told(done: "Verification | None") -> HTML:
    """What the gate saw, in one table."""
    if done is None:
        return tables.as_text("<p>Nothing was to be looked at: no mail leaves this machine in this run.</p>")
    from notebooks import verification_steps

    return verification_steps.lights(done)
