"""What `python -m notebooks` does with the schedule: run one of its jobs, tell it, write it for cron and systemd, watch it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from notebooks.runner.limits import Limits
from store import places, times
from store.errors import SettingsError, StoreError
from store.redaction import redact

if TYPE_CHECKING:
    from notebooks.schedule import ScheduledJob
    from store.database import Database

_OVERDUE_CODE = _UNSAID_CODE = 1
_UNRECORDED_SECONDS = 10.0
"""So long the look for overdue jobs waits for what ended runs left beside their notebooks."""


def add_run_options(running: argparse.ArgumentParser) -> None:
    """The options of `run` that are about the schedule."""
    running.add_argument(
        "--job", default="", metavar="JOB", help="a job of the schedule, with its parameters and limits"
    )
    running.add_argument(
        "--due", action="store_true", help="with --job: only if its time has come and no run of it was begun since"
    )
    _add_schedule(running)


def add_to(commands: argparse._SubParsersAction) -> None:
    """The commands `schedule` and `overdue`."""
    telling = commands.add_parser("schedule", help="the jobs of the schedule and when they run next")
    what = telling.add_mutually_exclusive_group()
    what.add_argument("--cron", action="store_true", help="print the file for /etc/cron.d")
    what.add_argument("--systemd", metavar="DIR", help="write units and timers there")
    telling.add_argument(
        "--folder", dest="installed_in", metavar="DIR", help="where the toolkit is installed (/opt/interview-ops)"
    )
    telling.add_argument("--user", help="whose jobs they are (interview-ops)")
    _add_schedule(telling)
    telling.set_defaults(command=_schedule)
    looking = commands.add_parser("overdue", help="what should have run and did not; exit code 1 if there is any")
    looking.add_argument("--json", action="store_true", help="for programs")
    looking.add_argument("--mail", action="store_true", help="tell OPS_EMAIL, of each once")
    _add_schedule(looking)
    looking.set_defaults(command=_overdue)


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--schedule", metavar="FILE", help="another schedule than deploy/schedule.toml")


def fault_of_run(options: argparse.Namespace) -> str:
    """What is wrong with the options of `run` together; empty if nothing is."""
    if options.job and (options.name or options.parameters):
        return "a scheduled job takes its notebook and parameters from the schedule; leave them out"
    if not options.job and (options.due or options.schedule):
        return "--due and --schedule are for a job of the schedule (--job JOB)"
    return "" if options.job or options.name else "give the notebook's NAME, or --job JOB"


def job_of(options: argparse.Namespace) -> "ScheduledJob":
    """The job of the schedule that `run --job` names; others may be wrong. Raises SettingsError."""
    from notebooks import schedule

    return schedule.inspect(_path(options), options.folder).job(options.job)


def limits_of(options: argparse.Namespace, job: "ScheduledJob | None") -> Limits:
    """The limits that the command line gives, else those of the schedule's job."""
    own = job.limits if job else Limits()
    # Who asks whether it is due asks again; one that waited would not know that another has started it meanwhile.
    wait = 0.0 if options.due else own.wait
    given = ((options.wait, wait), (options.timeout, own.total), (options.cell_timeout, own.cell))
    return Limits(*(other if value is None else value for value, other in given))


def is_due(db: "Database", job: "ScheduledJob") -> bool:
    """Whether the job is to be started now."""
    from notebooks.schedule import overdue

    return overdue.is_due(db, job, times.now())


def _path(options: argparse.Namespace) -> Path:
    from notebooks.schedule import FILE

    return places.resolve(options.schedule) if options.schedule else FILE


def _schedule(options: argparse.Namespace) -> int:
    from notebooks import printing, schedule
    from notebooks.schedule import cron_file, listing, units
    from notebooks.schedule.installation import Installation

    known = schedule.read(_path(options), times.now(), options.folder)
    given = {"folder": options.installed_in, "user": options.user}
    at = Installation(**{name: text for name, text in given.items() if text}, schedule=known.path)
    if options.cron:
        told = cron_file.text(known, at).removesuffix("\n")
    elif options.systemd is not None:
        told = _written(Path(options.systemd), units.files(known, at))
    else:
        told = redact(listing.listing(known, times.now()))
    return 0 if printing.say(told) else _UNSAID_CODE


def _written(folder: Path, files: dict[str, str]) -> str:
    """Writes the units; gives what is to be said, also of units beside them whose job is in the schedule no longer."""
    from notebooks.schedule.units import PREFIX

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written ({error.strerror}).", "give a folder that you may write."
        ) from error
    # Beside them lie the folders of what an administrator has changed (`systemctl edit`).
    units = (path for path in sorted(folder.glob(f"{PREFIX}-*")) if path.suffix in (".service", ".timer"))
    gone = [path.name for path in units if path.name not in files]
    told = [
        f"{name} is of no job of the schedule. To fix: systemctl disable --now {name}; then delete it." for name in gone
    ]
    return "\n".join([f"{len(files)} units written to {folder}.", *told])


def _overdue(options: argparse.Namespace) -> int:
    from notebooks import job_listing, jobs, printing, schedule
    from notebooks.runner import left_behind, unrecorded
    from notebooks.schedule import overdue, overdue_listing
    from store import database, job_runs
    from store.settings import Settings

    (settings, wrong), now = Settings.load_right_ones(), times.now()
    known = schedule.inspect(_path(options), options.folder)
    db = database.open_record(settings.database_url.get_secret_value())
    folders = [places.resolve(settings.runs_folder) / name for name in jobs.names(options.folder)]
    unrecorded.record_within(db, folders, _UNRECORDED_SECONDS)
    found, died = overdue.find(db, known, now), overdue.died(db, now)
    overdue.forget_gone(db, known)
    told = overdue_listing.as_json(found, died) if options.json else overdue_listing.listing(known, found, died)
    if not (options.json or found or known.findings or job_runs.read(db, limit=1)):
        told += "\n" + job_listing.nothing(database.named(db))
    is_said = printing.say(told)
    if options.mail and (found or died or known.findings):
        from notebooks.schedule import overdue_alerts

        overdue_alerts.tell(db, settings, overdue_alerts.alerts_of(known, found, died))
    left_behind.publish_within(db, folders)
    if findings := [*wrong, *known.findings]:
        raise SettingsError(findings)
    return _OVERDUE_CODE if found or not is_said else 0
