"""Time and zones: the only module that touches a zone. Everything else handles aware UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from store.errors import TimeRefused

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*", re.ASCII)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July",
          "August", "September", "October", "November", "December")  # fmt: skip


def now() -> datetime:
    """The clock, aware UTC. Called at the edges only; everything below takes `now` as an argument."""
    return datetime.now(UTC)


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The zone of an IANA name (Asia/Kolkata), UTC, or an offset such as +05:30. Raises ValueError."""
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign, hours, minutes = offset.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes))
        if int(minutes) > 59 or span > timedelta(hours=14):
            raise ValueError(f"{name!r} is no offset from UTC; offsets run from -14:00 to +14:00")
        return timezone(-span if sign == "-" else span)
    if name in ("UTC", "Z"):
        return UTC
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is no time zone; write a name like Asia/Kolkata or an offset like +05:30")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(
            f"{name[:60]!r} is no time zone; write a name like Asia/Kolkata or an offset like +05:30"
        ) from None


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; only aware datetimes are taken")
    return moment.astimezone(UTC)


def epoch(moment: datetime) -> float:
    """Seconds since 1970 UTC. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; only aware datetimes are taken")
    return moment.timestamp()


def from_epoch(seconds: float) -> datetime:
    """Aware UTC from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=4096)
def instant(day: date, clock: time, zone_name: str) -> datetime:
    """The UTC instant of a local date and time.

    Raises TimeRefused `time_skipped` (does not exist: clocks went forward) or `time_twice` (exists twice:
    clocks went back), showing both readings, and ValueError for an unknown zone.
    """
    place = zone(zone_name)
    local = datetime.combine(day, clock, place)
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if first != second:
        raise _two_readings(local, zone_name, skipped=first < second)
    return local.astimezone(UTC)


def _two_readings(local: datetime, zone_name: str, skipped: bool) -> TimeRefused:
    readings = [local.replace(fold=fold) for fold in (0, 1)]
    if skipped:
        shown = " or ".join(f"{reading.astimezone(UTC).astimezone(reading.tzinfo):%H:%M}" for reading in readings)
        text = f"{local:%Y-%m-%d %H:%M} does not exist in {zone_name}: clocks go forward; it would be read as {shown}."
    else:
        shown = " or ".join(f"{local:%H:%M} at {offset_text(reading)}" for reading in readings)
        text = f"{local:%Y-%m-%d %H:%M} exists twice in {zone_name}: clocks go back; it is {shown}."
    fix = "choose another time, or write timezone as an offset such as " + offset_text(readings[0]) + "."
    return TimeRefused("time_skipped" if skipped else "time_twice", text, fix)


def offset_text(local: datetime) -> str:
    """The offset of an aware datetime as +05:30."""
    text = local.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def in_zone(moment: datetime, zone_name: str) -> datetime:
    """The instant on a zone's clock, for showing."""
    return to_utc(moment).astimezone(zone(zone_name))


def zone_label(moment: datetime, zone_name: str) -> str:
    """What people call the zone at that instant: IST, CET, or UTC+05:30 where it has no letters."""
    local = in_zone(moment, zone_name)
    name = local.tzname() or ""
    if name == "UTC":
        return "UTC"
    return name if name.isalpha() and 2 <= len(name) <= 5 else f"UTC{offset_text(local)}"


def date_words(moment: datetime, zone_name: str) -> str:
    """`Monday, 30 November 2026`, in English whatever the machine's locale."""
    local = in_zone(moment, zone_name)
    return f"{WEEKDAYS[local.weekday()]}, {local.day} {MONTHS[local.month - 1]} {local.year}"


@lru_cache(maxsize=4096)
def iso_date(moment: datetime, zone_name: str) -> str:
    """`2026-11-30`, the day on the zone's clock."""
    return in_zone(moment, zone_name).date().isoformat()


@lru_cache(maxsize=4096)
def time_words(moment: datetime, zone_name: str) -> str:
    """`12:50 PM IST`."""
    local = in_zone(moment, zone_name)
    hour = local.hour % 12 or 12
    return f"{hour:02d}:{local.minute:02d} {'AM' if local.hour < 12 else 'PM'} {zone_label(moment, zone_name)}"


def moment_words(moment: datetime, zone_name: str) -> str:
    """`2026-11-30 12:50 PM IST`"""
    return f"{iso_date(moment, zone_name)} {time_words(moment, zone_name)}"


def duration_words(seconds: float) -> str:
    """`45 minutes`, `1 hour`, `1 hour 30 minutes`, from end minus start in seconds."""
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((hours, "hour"), (minutes, "minute")) if count
    ]
    return " ".join(parts) or "0 minutes"


def calendar_stamp(moment: datetime) -> str:
    """`20261130T072000Z` (RFC 5545 section 3.3.5, form 2)."""
    return to_utc(moment).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=4096)
def iso(moment: datetime) -> str:
    """`2026-11-30T07:20:00Z`, for pages, JSON and logs."""
    return to_utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")
