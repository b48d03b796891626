"""When a job of the schedule is due: cron expressions on the clock of a zone. The library counts as Debian's cron does."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from cronsim import CronSim, CronSimError

from store import times
from store.errors import TimeRefused

# L, #, W and seconds are of some schedulers only.
_TERM = r"(?:\*|[0-9]{1,2}(?:-[0-9]{1,2})?|[A-Za-z]{3}(?:-[A-Za-z]{3})?)(?:/[0-9]{1,2})?"
_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*", re.ASCII)
_YEARS_AHEAD = 3
_ANY_DAY = datetime.min.replace(year=2000)
EXPRESSION = "write five fields, minute hour day month weekday, such as 30 7 * * 1-5"


def trouble(cron: str) -> str:
    """What is wrong with an expression, in any zone and on any day; empty if nothing is."""
    fields = cron.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        return "is no cron expression of five fields"
    try:
        next(CronSim(cron, _ANY_DAY))
    except CronSimError as error:
        return f"is no cron expression ({str(error)[:1].lower()}{str(error)[1:]})"
    except StopIteration:
        return "never comes"
    return ""


def unclear(cron: str, zone_name: str, now: datetime) -> str:
    """Which of an expression's times the zone's clocks skip or show twice in the next three years; empty for none.

    Schedulers differ there. An expression that runs through all hours is clear, whatever the clocks show.
    """
    if _runs_through_all_hours(cron):
        return ""
    for day in _days_of_change(zone_name, times.in_zone(now, zone_name).date()):
        for moment in CronSim(cron, datetime.combine(day, datetime.min.time()) - timedelta(minutes=1)):
            if moment.date() != day:
                break
            try:
                times.instant(day, moment.time(), zone_name)
            except TimeRefused as refused:
                return str(refused).rstrip(".")
    return ""


def _runs_through_all_hours(cron: str) -> bool:
    # As Debian's cron has it: without a star in minute or hour, each is a time of day of its own, even all 24.
    has_star = any(field.startswith("*") for field in cron.split()[:2])
    return has_star and len(CronSim(cron, _ANY_DAY).hours) == 24


def _days_of_change(zone_name: str, first: date) -> Iterator[date]:
    """The days of the next years on which the zone's clocks are put forward or back."""
    place = times.zone(zone_name)
    offset = datetime(first.year, first.month, first.day, tzinfo=place).utcoffset()
    for number in range(366 * _YEARS_AHEAD):
        after = first + timedelta(days=number + 1)
        later = datetime(after.year, after.month, after.day, tzinfo=place).utcoffset()
        if later != offset:
            yield after - timedelta(days=1)
        offset = later


def last(cron: str, zone_name: str, until: datetime) -> datetime | None:
    """The newest due time that is not after `until`, aware UTC; None if there was none for fifty years."""
    # Added before it is read on the zone's clock: an addition to that takes its repeated hour for the first one.
    start = times.in_zone(until.replace(microsecond=0) + timedelta(seconds=1), zone_name)
    moment = next(CronSim(cron, start, reverse=True), None)
    return None if moment is None else moment.astimezone(UTC)


def following(cron: str, zone_name: str, after: datetime) -> Iterator[datetime]:
    """The due times after an instant, the nearest first, aware UTC; without end."""
    for moment in CronSim(cron, times.in_zone(after, zone_name)):
        yield moment.astimezone(UTC)


def quarters(cron: str) -> str:
    """Cron's minutes at which a job may be due on a machine in any zone: zones differ by whole quarters of an hour."""
    known = CronSim(cron, _ANY_DAY).minutes
    minutes = sorted({(minute + shift) % 60 for minute in known for shift in (0, 15, 30, 45)})
    return "*" if len(minutes) == 60 else ",".join(map(str, minutes))
