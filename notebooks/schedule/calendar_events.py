"""Cron expressions as calendar events of systemd (systemd.time(7)), in a zone."""

from collections.abc import Collection, Iterable
from datetime import datetime

from cronsim import CronSim

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def events(cron: str, zone_name: str) -> list[str]:
    """The OnCalendar values that together mean the expression: one, or two where cron joins its days by `or`."""
    known = CronSim(cron, datetime.min.replace(year=2000))
    clock = f"{_listed(known.hours, range(24))}:{_listed(known.minutes, range(60))}:00"
    months, dates = _listed(known.months, range(1, 13)), _listed(known.days, range(1, 32))
    days = [name for number, name in enumerate(_DAYS) if {number, number + 7} & known.weekdays]
    week = ",".join(days) + " " if len(days) < 7 else ""
    if known.day_and or not week or dates == "*":
        return [f"{week}*-{months}-{dates} {clock} {zone_name}"]
    return [f"{week}*-{months}-* {clock} {zone_name}", f"*-{months}-{dates} {clock} {zone_name}"]


def _listed(values: Collection[int], whole: Iterable[int]) -> str:
    return "*" if set(whole) <= set(values) else ",".join(f"{value:02d}" for value in sorted(values))
