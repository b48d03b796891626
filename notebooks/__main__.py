"""The notebooks' commands.

`python -m notebooks run NAME [name=value ...] | run --job JOB | list | describe NAME | history [NAME] | schedule | overdue`.

Exit codes: 0 done, 1 failed, 2 wrong parameters or settings, 70 kept back by the redaction check, 75 runs already,
124 out of time, 138 the kernel died, 143 stopped.
"""

import argparse
import logging
import math
import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from notebooks import jobs, printing
from notebooks.parameters import files
from notebooks.runner.limits import Limits
from notebooks.runner.private_kernel import PrivateKernel
from notebooks.runner.stop_signals import BreakingOff
from notebooks.schedule import commands as schedule_commands
from store import places, redaction
from store.errors import Refusal, SettingsError
from store.outcomes import BUSY_CODE, DONE, EXIT_CODES, FAILED, STOPPED, WRONG_SETTINGS
from store.redaction import one_line

if TYPE_CHECKING:
    from notebooks.runner.last_word import Result
    from notebooks.schedule import ScheduledJob

_CHECKED = (
    "Names, types and files are right; what else a value must be, and the mail settings, the run itself looks at."
)
_HISTORY_ROWS, _MOST_ROWS = 20, 1_000_000


def main(arguments: list[str], folder: Path = jobs.FOLDER) -> int:
    """Runs one command on the notebooks of a folder; gives its exit code."""
    logging.lastResort = printing.LastResort(logging.WARNING)
    _leave_lost_folder()
    # Whatever is told may hold a value that is one of their secrets.
    redaction.ask_later(_know_secrets)
    redaction.install_excepthook()
    try:
        options = _options(arguments)
        options.folder = folder
        return _code_of(options)
    except KeyboardInterrupt:
        # A run that was begun takes no interrupt for an error.
        printing.complain("Stopped.")
        return EXIT_CODES[STOPPED]


def _know_secrets() -> None:
    from mailer.mail_settings import know_secrets

    know_secrets()


def _leave_lost_folder() -> None:
    try:
        os.getcwd()
    except OSError:
        # It was deleted, with an old release perhaps. Paths are seen from the project's folder anyway.
        os.chdir(places.ROOT)


def _code_of(options: argparse.Namespace) -> int:
    """The command's own exit code, or that of its refusal, which is told."""
    try:
        return options.command(options)
    except Refusal as error:
        refused = error
    # Out here: an error that comes now, Ctrl-C among them, does not bring the refusal's own words along.
    for line in refused.lines():
        printing.complain(_shown(line))
    return _code_of_refusal(refused)


def _code_of_refusal(refused: Refusal) -> int:
    from notebooks.runner.runs import StoppedWaiting
    from store.job_locks import JobBusy

    if isinstance(refused, JobBusy):
        return BUSY_CODE
    return EXIT_CODES[STOPPED if isinstance(refused, StoppedWaiting) else WRONG_SETTINGS]


def _shown(text: str) -> str:
    from store import job_runs

    return job_runs.shown_message(text)


def _say(text: str) -> int:
    """For a command that has nothing else to do: one whose words cannot be printed has failed."""
    return EXIT_CODES[DONE if printing.say(text) else FAILED]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the secrets that were typed."""

    def error(self, message: str) -> NoReturn:
        printing.complain(f"{one_line(_shown(message)).rstrip('.')}. To fix: see {self.prog} --help.")
        raise SystemExit(EXIT_CODES[WRONG_SETTINGS])


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m notebooks", description="Runs notebooks as jobs.")
    commands = parser.add_subparsers(required=True, metavar="command")
    running = commands.add_parser("run", help="run a notebook and keep its record in runs/")
    running.add_argument("words", metavar="WORD", nargs="*", help="the notebook's NAME, then name=value ...")
    running.add_argument("--check", action="store_true", help="only check the parameters and settings; start nothing")
    running.add_argument("--wait", type=_seconds, metavar="SECONDS", help="for another run of the same job")
    running.add_argument("--timeout", type=_limit, metavar="SECONDS", help="for the whole run")
    running.add_argument("--cell-timeout", type=_limit, metavar="SECONDS", help="for each cell")
    schedule_commands.add_run_options(running)
    running.set_defaults(command=_run)
    commands.add_parser("list", help="the notebooks").set_defaults(command=_list)
    describing = commands.add_parser("describe", help="what a notebook is for, and its parameters")
    describing.add_argument("name", metavar="NAME")
    describing.set_defaults(command=_describe)
    _history_options(commands.add_parser("history", help="runs and how they ended"))
    schedule_commands.add_to(commands)
    options, rest = parser.parse_known_args(arguments)
    # Parameters may stand between options, too.
    if rest and (options.command is not _run or any(text.startswith("-") for text in rest)):
        parser.error(f"{' '.join(rest)} is not known{_hint(rest)}")
    if options.command is _run:
        options.name, *options.parameters = [*options.words, *rest] or [""]
        if fault := schedule_commands.fault_of_run(options):
            parser.error(fault)
    return options


def _hint(rest: list[str]) -> str:
    pairs = [name.lstrip("-") + sign + value for name, sign, value in (text.partition("=") for text in rest) if sign]
    return f"; a parameter is written without dashes: {' '.join(pairs)}" if pairs else ""


def _history_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", default="")
    parser.add_argument("--outcome", action="append", default=[], metavar="OUTCOME", help="only these; may be repeated")
    parser.add_argument("--limit", type=_rows, default=_HISTORY_ROWS, metavar="ROWS")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=_history)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError("give a number of seconds")
    return value


def _limit(text: str) -> float:
    if not (value := _seconds(text)):
        raise argparse.ArgumentTypeError("no run ends in 0 seconds; leave it out for no limit")
    return value


def _rows(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_ROWS):
        raise argparse.ArgumentTypeError(f"give a number from 1 to {_MOST_ROWS}")
    return int(text)


def _list(options: argparse.Namespace) -> int:
    from notebooks import job_listing

    sheets, code = [], EXIT_CODES[DONE]
    for name in jobs.names(options.folder):
        try:
            sheets.append(jobs.sheet(name, options.folder))
        except Refusal as refused:
            printing.complain(_shown(refused.line()))
            code = _code_of_refusal(refused)
    return _say(job_listing.notebooks(sheets)) or code


def _describe(options: argparse.Namespace) -> int:
    from notebooks import job_listing

    return _say(job_listing.description(jobs.sheet(options.name, options.folder)))


def _run(options: argparse.Namespace) -> int:
    # Before anything is opened: a job that is asked for wrongly leaves no trace.
    given = schedule_commands.job_of(options) if options.job else None
    job = given.job if given else jobs.job(options.name, options.parameters, options.folder)
    if options.check:
        return _check(job)
    limits = schedule_commands.limits_of(options, given)
    # The kernel's process inherits which signals are heeded.
    with BreakingOff() as signals, closing(PrivateKernel(job.source)) as kernel:
        if not (options.due or limits.wait):
            # It imports while the rest here is imported. Why it cannot be there, the run itself tells.
            with suppress(OSError, ValueError, LookupError):
                kernel.prepare()
        return _run_job(job, kernel, limits, given if options.due else None, signals)


def _check(job: jobs.Job) -> int:
    from notebooks.runner import settings_secrets
    from store.settings import Settings

    _, wrong = Settings.load_right_ones()
    findings = [*settings_secrets.held_by(job.values), *files.missing(job.sheet.parameters, job.values), *wrong]
    if findings:
        raise SettingsError(findings)
    values = ", ".join(f"{name} = {value!r}" for name, value in job.values.items())
    return _say(redaction.redact(f"{job.name} can be run with: {values}\n{_CHECKED}"))


def _run_job(
    job: jobs.Job, kernel: PrivateKernel, limits: Limits, if_due: "ScheduledJob | None", signals: BreakingOff
) -> int:
    """Runs a job, unless it is one of the schedule whose time has not come."""
    from notebooks.runner import runs, settings_secrets
    from store import database
    from store.settings import Settings

    settings, wrong = Settings.load_right_ones()
    if findings := list(settings_secrets.held_by(job.values)):
        raise SettingsError(findings)
    db = database.open_record(settings.database_url.get_secret_value())
    if if_due and not schedule_commands.is_due(db, if_due):
        return 0

    def tell(result: "Result") -> None:
        signals.is_over = True
        _tell(job.name, result)

    return runs.run(job, db, settings.runs_folder, limits, settings, tell, wrong, kernel).exit_code


def _tell(name: str, result: "Result") -> None:
    """What came of a run. That it cannot be printed changes nothing about it."""
    from store import alerts, failures

    lines = [f"{kind.capitalize()}: {path}" for kind, path in result.artefacts.items()]
    if result.counts:
        lines.append("Counts: " + ", ".join(f"{name} {count}" for name, count in result.counts.items()))
    if lines:
        printing.say("\n".join(lines))
    for line in result.message.splitlines():
        printing.complain(line)
    if result.message and failures.FIX not in result.message:
        printing.complain(failures.FIX + alerts.look_at(result.artefacts))
    printing.say(f"{name}: {result.outcome} (exit code {result.exit_code})")


def _history(options: argparse.Namespace) -> int:
    from notebooks import job_listing
    from store import database, job_runs
    from store.settings import Settings

    if options.name:
        jobs.sheet(options.name, options.folder)
    settings, wrong = Settings.load_right_ones()
    for finding in wrong:
        printing.complain(_shown(finding.line()))
    db = database.open_record(settings.database_url.get_secret_value())
    rows = job_runs.read(db, options.name, options.outcome, options.limit)
    if options.json:
        return _say(job_listing.history_json(rows))
    return _say(job_listing.history(rows, database.named(db), is_chosen=bool(options.name or options.outcome)))


if __name__ == "__main__":
    printing.leave(main(sys.argv[1:]))
