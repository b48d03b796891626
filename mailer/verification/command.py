"""`python -m mailer verify`: the email verification for a terminal and for scripts. What it does is `verification`'s."""

import argparse
import logging
import sys

from mailer.verification import parameters, stages
from mailer.verification import run as verification
from mailer.verification.parameters import WrongParameters
from mailer.verification.stages import Row
from mailer.verification.walk import Asked

PARAMETERS_WRONG = 2
OPTIONS = {parameters.RECIPIENT: "--to", parameters.STOP_AFTER: "--stop-after", parameters.PORTAL: "--portal",
           parameters.WAIT: "--wait"}  # fmt: skip
TRANSCRIPT = (
    "print what was said to the mail server up to its answer to sender and recipient, and what was asked of the mailbox;"
    " secrets masked (the mail itself goes by a connection of its own: its last answer is in the row of the test mail)"
)


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to those of `python -m mailer`."""
    codes = ", ".join(f"{stage.exit_code} {stage.name}" for stage in stages.STAGES)
    parser = commands.add_parser(
        "verify", help="prove stage by stage that mail works, or say what to change",
        epilog=f"Exit codes: 0 nothing failed, {PARAMETERS_WRONG} wrong parameters, else the first stage that failed: {codes}.",
    )  # fmt: skip
    parser.add_argument(
        "--to", default="", help="who gets the test mail (default: the mailbox that is read back, else the sender)"
    )
    parser.add_argument("--stop-after", default=stages.CALENDAR, help=f"the last stage: {', '.join(stages.BY_NAME)}")
    parser.add_argument("--portal", default="", help="where the link is opened (default: BACKEND_URL)")
    parser.add_argument("--wait", type=float, default=120.0, help="seconds that the test mail may take to arrive")
    parser.add_argument("--transcript", action="store_true", help=TRANSCRIPT)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Its rows say everything once; without a handler the log's warnings would come to the terminal as well.
    logging.getLogger().addHandler(logging.NullHandler())
    asked = Asked(options.to, options.stop_after, options.portal, options.wait)
    try:
        done = verification.verify_here(asked, told=_tell)
    except WrongParameters as error:
        print(*(f"mailer: {line}" for line in error.lines_for(OPTIONS)), sep="\n", file=sys.stderr)
        return PARAMETERS_WRONG
    if options.transcript:
        print("", *(f"  {line}" for line in done.transcript), sep="\n")
    print(f"\n{done.light.upper()}: {done.sentence}")
    return done.exit_code


def _tell(row: Row) -> None:
    took = f" ({row.seconds:.1f} s)" if row.seconds >= 0.05 else ""
    stage = stages.BY_NAME[row.stage].title
    title = stage if row.title == stage else f"{stage}: {row.title}"
    print(f"{row.result:<8} {title}: {row.evidence}{took}", flush=True)
    if row.fix:
        print(f"         To fix: {row.fix}", flush=True)
