"""The schedule as a file for /etc/cron.d.

Cron has one zone for all its lines, the machine's (crontab(5), LIMITATIONS), and a line with a wrong hour runs at a wrong
hour. So the lines hold no hour: they ask at each quarter at which a job may be due in any zone, and the runner, which
knows the schedule's zone, starts what is due (`--due`).
"""

from notebooks.schedule import due
from notebooks.schedule.installation import OVERDUE_MINUTES, Installation
from notebooks.schedule.reading import Schedule, ScheduledJob

_HEAD = """\
# Jobs of the schedule, for /etc/cron.d. Written by: python -m notebooks schedule --cron
# Change {schedule}, then write this file again. There are no hours here: cron knows the machine's zone
# only, so it asks often, and `run --due` starts a job when its time has come in the schedule's zone ({zone}).
# A job that runs already, or was started at its time, is left alone. Alerts go to OPS_EMAIL, so cron mails nothing.
SHELL=/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
MAILTO=""
JOB_STARTED_BY=cron
"""
_LOG = ">>var/cron.log 2>&1"


def text(schedule: Schedule, at: Installation) -> str:
    """The whole file."""
    parts = [_HEAD.format(schedule=at.source, zone=schedule.zone)]
    parts += [_of_job(job, at) for job in schedule.jobs]
    often = f"*/{OVERDUE_MINUTES} * * * *"
    parts.append(f"# What should have run and did not.\n{_line(often, at, at.overdue)}")
    parts.append(
        "# Mails that fall due between the jobs; one delivery at a time.\n"
        + _line("* * * * *", at, "-m mailer deliver --quiet", "flock -n var/deliver.lock ")
    )
    return "\n".join(parts)


def _of_job(job: ScheduledJob, at: Installation) -> str:
    about = f"# {job.name}: {job.cron} in {job.zone}"
    return f"{about}\n{_line(f'{due.quarters(job.cron)} * * * *', at, f'{at.run(job)} --due')}"


def _line(when: str, at: Installation, what: str, before: str = "") -> str:
    return f"{when} {at.user} cd {at.folder} && {before}{at.python} {what} {_LOG}\n"
