"""Overdue jobs, runs that died and a schedule that is wrong, told to ops by mail: each once."""

import hashlib
from collections.abc import Sequence

from notebooks import printing
from notebooks.schedule.listing import shown
from notebooks.schedule.overdue import OverdueJob
from notebooks.schedule.reading import Schedule
from store import alerts, database, times
from store.alerts import Alert
from store.database import Database
from store.errors import Refusal
from store.job_runs import JobRunRow
from store.redaction import redact
from store.settings import Settings

_MISTAKES_TOLD = 20
"""A mail names so many mistakes of a schedule; the command tells all."""


def alerts_of(schedule: Schedule, found: Sequence[OverdueJob], died: Sequence[JobRunRow]) -> list[Alert]:
    """What ops are to be told. A run that failed was told by the runner: the same failure is no other alert here."""
    told = [alert_of_mistakes(schedule)] if schedule.findings else []
    told += [alert_of(one) for one in found]
    return told + [alert for row in died if (alert := alerts.of_run(row))]


def alert_of_mistakes(schedule: Schedule) -> Alert:
    """What ops are told of a schedule that is wrong; with other mistakes it is another alert."""
    findings = schedule.findings
    told = {f"Mistake {number}": one.line() for number, one in enumerate(findings[:_MISTAKES_TOLD], 1)}
    if more := len(findings) - len(told):
        told["More mistakes"] = f"{more}, told by: python -m notebooks schedule"
    facts = {
        "Schedule": schedule.source,
        "Jobs that are watched": ", ".join(job.name for job in schedule.jobs) or "none",
    }
    lines = "\n".join([schedule.source, *sorted(one.line() for one in findings)])
    key = f"schedule:{hashlib.sha256(lines.encode(errors='backslashreplace')).hexdigest()[:32]}"
    return Alert(key, f"The schedule is wrong: {findings[0].what}", findings[0].fix, facts | told)


def alert_of(one: OverdueJob) -> Alert:
    """What ops are told of an overdue job; another due time of the same job is another alert, an hour later at the earliest."""
    zone, last = one.job.zone, one.last
    if last and one.was_started and (own := alerts.of_run(last)):
        return own
    facts = {
        "Job": one.job.name,
        "Notebook": one.job.job.name,
        "Was due": f"{shown(one.due_at, zone)} ({zone})",
        "Deadline": shown(one.deadline, zone),
        "Last run": "never" if last is None else f"{shown(times.from_epoch(last.started_at), zone)}, {last.outcome}",
    }
    series = f"overdue:{one.job.name}:"
    key = f"{series}{round(times.epoch(one.due_at))}"
    return Alert(key, f"{one.job.name} is overdue", one.fix, facts, series=series)


def tell(db: Database, settings: Settings, told: Sequence[Alert]) -> None:
    """Queues one mail for each alert that was not queued before, and tries once to send those that are queued.

    What keeps them back is told on stderr; they stay queued for `python -m mailer deliver`.
    """
    with database.changing(db):
        for alert in told:
            alerts.queue(db, settings, alert)
    if told and not settings.ops_email:
        printing.complain(alerts.NO_ADDRESS)
    waiting = sorted({mail_id for alert in told for mail_id in alerts.waiting_mails(db, alert)})
    if waiting and (trouble := _send(db, settings, waiting)):
        printing.complain(f"alerts to ops: {redact(trouble)}")


def _send(db: Database, settings: Settings, waiting: Sequence[int]) -> str:
    """What kept the mails back; empty if nothing did."""
    # Here, for there is seldom anything to send.
    from mailer.config import MailSettings, check
    from mailer.delivery import deliver, reachable

    try:
        with reachable(check(MailSettings.load(), settings, links=False).usable()) as account:
            for mail_id in waiting:
                given = {"account": account, "settings": settings, "ring": None, "clock": times.now, "trace": False}
                report = deliver(db, **given, mail_id=mail_id)
                if not report.is_clean:
                    return report.sentence()
    except Refusal as refused:
        return refused.lines()[0]
    return ""
